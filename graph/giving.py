"""What the built-in tools of hand-offs do: give work to an agent or a person, answer and ask about it, take it back."""

from typing import Any

from baton.core import Action, BatonError, MailArrived, Trust, check_due
from baton.graph import handing
from baton.graph.outcome import Outcome, refusal
from baton.graph.scene import Scene
from baton.ledger import Handoff, HandoffState, Transaction, handoffs, mail, runs


async def hand_off(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Offer a piece of work; its end comes back to this run's mailbox."""
    to, run, agent = str(arguments["to"]), scene.run, scene.member.agent
    if to not in agent.hands_off_to:
        allowed = ", ".join(agent.hands_off_to) or "nobody"
        return refusal(f"you may not hand work to {to!r}; you may to: {allowed}")
    taker = scene.team.members.get(to)
    try:
        said = handing.terms(
            agent,
            taker.agent if taker is not None else None,
            arguments["contract"],
            arguments["version"],
            arguments["payload"],
        )
        within, now = arguments["within"], scene.ledger.clock.now()
        due = None if within is None else check_due(now + within.total_seconds(), now, str(within))
    except BatonError as error:
        return refusal(str(error))
    before = await scene.ledger.read(lambda tx: handoffs.of_child(tx, run.id))
    deep = 1 if before is None else before.depth + 1
    if deep > handing.DEEPEST:
        return refusal(
            f"this work has been handed on {before.depth if before else 0} times; do it, or say that you cannot"
        )
    tokens = _tokens(scene, arguments["tokens"])
    if tokens is not None and tokens <= 0:
        return refusal("no tokens of your budget are left to hand on")
    made = handing.drafted(run, action.id, to, said, deep, due, now)
    where = f"hand-off {made.id} to {to}" + (f" (review {made.review})" if made.review else f" ({made.child})")
    return Outcome(
        text=f"pending: {where}; the answer comes as a message",
        pending=True,
        riders=[lambda tx: handing.offer(tx, run, made, arguments["task"], tokens, scene.label)],
    )


def _tokens(scene: Scene, wanted: int | None) -> int | None:
    """What the taker may use: no more than is left to the giver; None where nothing limits it."""
    budget = scene.run.goal.budget.tokens
    left = None if budget is None else budget - scene.run.prompt_tokens - scene.run.completion_tokens
    given = [one for one in (wanted, left) if one is not None]
    return min(given) if given else None


async def answer_handoff(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Tell the taker what it wants to know."""
    handoff = await _mine(scene, arguments["handoff"])
    if isinstance(handoff, Outcome):
        return handoff
    if handoff.state is not HandoffState.ASKED:
        return refusal(f"{handoff.taker} has not asked anything about {handoff.id}")
    child, text = handoff.child, f"[hand-off {handoff.id}: {handoff.giver} answers] {arguments['text']}"
    assert child is not None

    def tell(tx: Transaction) -> None:
        handoffs.told(tx, handoff)
        _post(tx, scene, child, text, handoff)

    return Outcome(text="told", riders=[tell])


async def withdraw_handoff(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Take work back; whoever does it stops between two actions."""
    handoff = await _mine(scene, arguments["handoff"])
    if isinstance(handoff, Outcome):
        return handoff
    run, reason = scene.run, arguments["reason"]
    return Outcome(text="taken back", riders=[lambda tx: handing.withdraw(tx, run, handoff, reason)])


async def ask_giver(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Ask whoever has given the work."""
    handoff = await scene.ledger.read(lambda tx: handoffs.of_child(tx, scene.run.id))
    if handoff is None:
        return refusal("nobody has handed this work to you; ask a person with ask_person")
    if handoff.state is not HandoffState.TAKEN:
        return refusal(f"the hand-off is {handoff.state}: there is nobody to ask, or you have asked already")
    question = arguments["question"]
    how = f"Answer with `answer_handoff` for {handoff.id}, or take the work back with `withdraw_handoff`."
    text = f"[hand-off {handoff.id}: {handoff.taker} asks] {question}\n{how}"

    def ask(tx: Transaction) -> None:
        if runs.status(tx, handoff.run) in runs.ENDED:
            raise MailArrived(scene.run.id)  # it has called this off: read that first
        handoffs.ask(tx, handoff)
        _post(tx, scene, handoff.run, text, handoff)

    return Outcome(text="pending: asked; the answer comes as a message", pending=True, riders=[ask])


def _post(tx: Transaction, scene: Scene, to: Any, text: str, handoff: Handoff) -> None:
    """A message of one side to the other, with the label of what it has read."""
    label, sender = scene.label, scene.run.agent
    trust = min(label.trust, Trust.AGENT)
    mail.post(
        tx, to, "handoff", sender=sender, text=text, ref=handoff.id, trust=trust, confidentiality=label.confidentiality
    )


async def _mine(scene: Scene, id: str) -> Handoff | Outcome:
    """An open hand-off of this run; a refusal where it is none."""
    every = await scene.ledger.read(lambda tx: handoffs.of_run(tx, scene.run.id))
    found = next((one for one in every if one.id == id and one.state.open), None)
    if found is not None:
        return found
    known = ", ".join(one.id for one in every if one.state.open) or "none"
    return refusal(f"{id} is no open hand-off of yours; open are: {known}")
