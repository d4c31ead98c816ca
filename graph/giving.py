"""What the built-in tools of hand-offs do: give work to an agent or a person, answer and ask about it, take it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.agents import SKILL, meant
from baton.core import Action, BatonError, MailArrived, NotFound, Trust, check_due
from baton.graph import handing, rerouting
from baton.graph.outcome import Outcome, Rider, refusal
from baton.graph.routing import Candidate, rank, skilled_people, told
from baton.graph.scene import Scene
from baton.ledger import Handoff, HandoffState, Run, Transaction, events, handoffs, joins, mail, runs


async def hand_off(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Offer a piece of work; its end comes back to this run's mailbox."""
    to, run, agent = str(arguments["to"]), scene.run, scene.member.agent
    if to not in agent.hands_off_to:
        allowed = ", ".join(agent.hands_off_to) or "nobody"
        return refusal(f"you may not hand work to {to!r}; you may to: {allowed}")
    if arguments.get("reroute") and not to.startswith(SKILL):
        return refusal(f"only work for a skill goes to somebody else: {to} is one alone")
    try:
        routed = await _routed(scene, to, arguments)
        within, now = arguments["within"], scene.ledger.clock.now()
        due = None if within is None else check_due(now + within.total_seconds(), now, str(within))
    except BatonError as error:
        return refusal(str(error))
    deep = await _depth(scene)
    if isinstance(deep, str):
        return refusal(deep)
    tokens = _tokens(scene, arguments["tokens"])
    if tokens is not None and tokens <= 0:
        return refusal("no tokens of your budget are left to hand on")
    (first, said), *rest = routed.order
    seconds = None if within is None else within.total_seconds()
    route = rerouting.route_of(
        arguments["task"], tokens, seconds, scene.label, rest if arguments.get("reroute") else []
    )
    made = handing.drafted(run, action.id, first, said, deep, due, now, route)
    where = f"hand-off {made.id} to {first}" + (f" (review {made.review})" if made.review else f" ({made.child})")
    return Outcome(
        text=f"pending: {where}; the answer comes as a message",
        pending=True,
        riders=[
            *routed.riders(run, made),
            lambda tx: handing.offer(tx, run, made, arguments["task"], tokens, scene.label),
        ],
    )


async def hand_off_each(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Offer pieces of work that are joined; none of them where one cannot be."""
    to, run, first, tasks = str(arguments["to"]), scene.run, arguments["first"], arguments["tasks"]
    payloads = arguments["payloads"] or [None] * len(tasks)
    if len(payloads) != len(tasks):
        return refusal(f"{len(tasks)} tasks and {len(payloads)} payloads: give one with each, or none at all")
    if to not in scene.member.agent.hands_off_to:
        allowed = ", ".join(scene.member.agent.hands_off_to) or "nobody"
        return refusal(f"you may not hand work to {to!r}; you may to: {allowed}")
    taker = scene.team.members.get(to)
    its = taker.agent if taker is not None else None
    try:
        said = [handing.terms(scene.member.agent, its, arguments["contract"], None, payload) for payload in payloads]
        within, now = arguments["within"], scene.ledger.clock.now()
        due = None if within is None else check_due(now + within.total_seconds(), now, str(within))
        deep, tokens = await _depth(scene), _tokens(scene, arguments["tokens"])
    except BatonError as error:
        return refusal(str(error))
    if isinstance(deep, str) or (tokens is not None and tokens <= 0):
        return refusal(deep if isinstance(deep, str) else "no tokens of your budget are left to hand on")
    step = arguments["step"]
    made = [
        handing.drafted(run, f"{action.id}.{place}", to, one, deep, due, now, joined=step, item=first + place)
        for place, one in enumerate(said)
    ]

    def offer(tx: Transaction) -> None:
        for handoff, task in zip(made, tasks, strict=True):
            handing.offer(tx, run, handoff, task, tokens, scene.label)
        joins.spread(tx, run.id, step, len(made), arguments["wakes_at"])

    told = f"pending: {len(made)} pieces from {first} on handed to {to}; step {step} joins them"
    return Outcome(text=told, pending=True, riders=[offer])


async def _depth(scene: Scene) -> int | str:
    """How often work that is handed on now has been; why it may not be, where that is too often."""
    before = await scene.ledger.read(lambda tx: handoffs.of_child(tx, scene.run.id))
    deep = 1 if before is None else before.depth + 1
    if deep <= handing.DEEPEST:
        return deep
    return f"this work has been handed on {deep - 1} times; do it, or say that you cannot"


@dataclass(frozen=True)
class _Routed:
    """To whom an offer goes, and with what terms, in order; where a skill was named, with the ranking."""

    order: Sequence[tuple[str, handing.Terms]]
    skill: str | None = None
    ranking: Mapping[str, Any] | None = None

    def riders(self, run: Run, made: Handoff) -> list[Rider]:
        """The event that says how it was chosen."""
        if self.ranking is None:
            return []
        said = {"handoff": made.id, "skill": self.skill, "to": made.taker, **self.ranking}
        return [lambda tx: events.emit(tx, run.id, "handoff.routed", **said)]


async def _routed(scene: Scene, to: str, arguments: dict[str, Any]) -> _Routed:
    """Who takes the work: the one that was named, or those with the skill, who would be done soonest first.

    Raises:
        BatonError: if the work cannot be said to whom it is for.
        NotFound: if nobody has the skill.
    """
    if not to.startswith(SKILL):
        return _Routed([(to, handing.terms_for(scene.team, scene.member.agent, to, arguments))])
    skill, contract = to.removeprefix(SKILL), arguments["contract"]
    people = await scene.ledger.read(lambda tx: skilled_people(tx, skill))
    agents = [one.agent for one in scene.team.members.values() if one.agent.name != scene.run.agent]
    capacity = {name: scene.team.members[name].agent.capacity for name in meant(to, agents)} | dict.fromkeys(people, 1)
    said: dict[str, handing.Terms] = {}
    left_out: dict[str, str] = {}
    for name in capacity:
        try:
            said[name] = handing.terms_for(scene.team, scene.member.agent, name, arguments)
        except BatonError as error:
            left_out[name] = str(error)
    if not said:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise NotFound("somebody with the skill", skill, hint=why or "Do it yourself, or ask a person.")
    tenant = scene.run.tenant
    past = await scene.ledger.read(lambda tx: handoffs.past_work(tx, sorted(said), contract, tenant))
    figures = rank([Candidate(name=name, capacity=capacity[name], past=past[name]) for name in said])
    return _Routed([(one.name, said[one.name]) for one in figures], skill, told(figures, left_out))


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
