"""Calls for proposals: several say what work would take, one gets it by the operators' rule, and else the next best.

As in the contract net (R. G. Smith, 1980). A bid is a hand-off of its own, to a small run or a question to a person,
and the award is one as well: so each of them ends once, whatever crashes. What a bid says is its bidder's word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from baton.agents import SKILL, meant
from baton.core import Action, BatonError, Confidentiality, Label, Trust, check_due, derived, dump, random_id
from baton.graph import handing, rerouting
from baton.graph.outcome import Outcome, refusal
from baton.graph.routing import likely, skilled_people
from baton.graph.scene import Scene
from baton.ledger import Handoff, HandoffState, Run, Transaction, calls, events, handoffs, mail, runs, timers
from baton.ledger.calls import Call

ANSWERS_WITHIN = 3600.0
"""Seconds that whoever is asked has to answer, where nothing is said."""

_TURNS = 5
_BID: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "cost": {"type": "number", "minimum": 0},
        "seconds": {"type": "number", "minimum": 0},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["cost", "seconds", "confidence"],
    "additionalProperties": False,
}
_ASKS = (
    "What would it take you to do the following? Do not do it. Say what it would cost (0 where nothing), how many "
    "seconds it would take, and how sure you are to succeed (0 to 1). If you are not the right one, refuse.\n\n"
)


@dataclass(frozen=True, kw_only=True)
class Bid:
    """What a candidate has said.

    Attributes:
        seconds: How long it would take.
        confidence: How sure they are, from 0 to 1.
        success: The share of earlier work that surely came back done; as in routing.
    """

    name: str
    cost: float
    seconds: float
    confidence: float
    success: float = 1.0


def best_first(bids: Sequence[Bid], rule: str | Mapping[str, float]) -> list[Bid]:
    """The bids, the best at the front; ties by name."""
    return sorted(bids, key=lambda one: (_score(one, rule, bids), one.name))


def _score(bid: Bid, rule: str | Mapping[str, float], bids: Sequence[Bid]) -> float:
    match rule:
        case "cheapest":
            return bid.cost
        case "fastest":
            return bid.seconds
        case "surest":
            return -bid.confidence * bid.success
        case str():
            raise ValueError(rule)  # agents are checked when they are made
        case weights:
            parts = {
                "cost": bid.cost / (max(one.cost for one in bids) or 1.0),
                "seconds": bid.seconds / (max(one.seconds for one in bids) or 1.0),
                "doubt": 1 - bid.confidence * bid.success,
            }
            return sum(weight * parts[name] for name, weight in weights.items())


async def call_for_proposals(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Ask for bids; what comes of it is told in a message."""
    agent, run, now = scene.member.agent, scene.run, scene.ledger.clock.now()
    barred = [name for name in arguments["to"] if name not in agent.hands_off_to]
    if barred or not arguments["to"]:
        return refusal(f"you may not ask {', '.join(barred) or 'nobody'}; you may: {', '.join(agent.hands_off_to)}")
    before = await scene.ledger.read(lambda tx: handoffs.of_child(tx, run.id))
    deep = 1 if before is None else before.depth + 1
    if deep > handing.DEEPEST:
        return refusal("this work has been handed on too often; do it, or say that you cannot")
    try:
        seconds, work = (_seconds(arguments[name]) for name in ("answers_within", "within"))
        due = check_due(now + (seconds or ANSWERS_WITHIN), now, str(arguments["answers_within"]))
    except BatonError as error:
        return refusal(str(error))
    terms, left_out = await _terms(scene, arguments)
    if not terms:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        return refusal(f"nobody can be asked: {why or 'nobody has the skill'}")
    how = {"tokens": arguments["tokens"], "within": work}
    how |= {"trust": int(scene.label.trust), "confidentiality": int(scene.label.confidentiality)}
    call = Call(
        id=random_id("cfp"),
        run=run.id,
        action=action.id,
        state="open",
        task=arguments["task"],
        terms={name: asdict(said) for name, said in terms.items()},
        award=agent.awards or "surest",
        how=how,
        due=due,
        at=now,
    )
    return Outcome(
        text=f"pending: call {call.id} to {', '.join(terms)}; what comes of it is told in a message",
        pending=True,
        riders=[lambda tx: _begin(tx, run, call, terms, deep, scene.label)],
    )


def _begin(tx: Transaction, run: Run, call: Call, terms: Mapping[str, handing.Terms], deep: int, label: Label) -> None:
    calls.begin(tx, call)
    for number, (name, said) in enumerate(terms.items()):
        asked = handing.Terms(answers=_BID)
        bid = f"{call.action}~bid{number}"
        made = handing.drafted(run, bid, name, asked, deep, call.due, tx.now, {"bid_of": call.id})
        more = f"\n\n{said.contract} {said.version}: {dump(dict(said.payload))}" if said.payload is not None else ""
        handing.offer(tx, run, made, f"{_ASKS}{call.task}{more}", None, label, _TURNS)
    timers.start(tx, run.id, call.due, "award", call.id)
    events.emit(tx, run.id, "call.opened", call=call.id, to=list(terms), due=call.due)


def award(tx: Transaction, id: str) -> None:
    """End a call once all have answered or its time has come: hand the work to the best, or tell that nobody is."""
    call = calls.get(tx, id)
    if call.state != "open":
        return
    asked = [one for one in handoffs.of_run(tx, call.run) if one.bid_of == id]
    if any(one.state.open for one in asked) and tx.now < call.due:
        return
    run = runs.get(tx, call.run)
    for late in asked:
        if late.state.open:
            handing.withdraw_late(tx, run, late)
    ranked = best_first(_bids(tx, run, asked), call.award)
    if not calls.end(tx, id, "awarded" if ranked else "failed"):
        return
    label = Label(Trust(call.how["trust"]), confidentiality=Confidentiality(call.how["confidentiality"]))
    if not ranked:
        events.emit(tx, run.id, "call.failed", call=id, asked=[one.taker for one in asked])
        _tell(tx, run, id, f"[call {id}] Nobody has made a proposal: do it otherwise, or ask a person.", Trust.SYSTEM)
        return
    order = [(one.name, handing.Terms(**call.terms[one.name])) for one in ranked]
    (first, said), *rest = order
    route = rerouting.route_of(call.task, call.how["tokens"], call.how["within"], label, rest)
    due = None if call.how["within"] is None else tx.now + call.how["within"]
    made = handing.drafted(run, f"{call.action}~1", first, said, asked[0].depth, due, tx.now, route)
    handing.offer(tx, run, made, call.task, rerouting.at_most(run, call.how["tokens"]), label)
    document = [asdict(one) for one in ranked]
    events.emit(tx, run.id, "call.awarded", call=id, handoff=made.id, to=first, rule=call.award, bids=document)
    best = ranked[0]
    offers = f"cost {best.cost:g}, {best.seconds:g} s, {best.confidence:.0%} sure"
    text = (
        f"[call {id} awarded to {first}: {offers}; {len(ranked)} of {len(asked)} made a proposal; hand-off {made.id}]"
    )
    _tell(tx, run, id, text, derived([Label(Trust.AGENT), label]).trust)


def _bids(tx: Transaction, run: Run, asked: Sequence[Handoff]) -> list[Bid]:
    """What was said, of those who have said something that can be used."""
    said = [one for one in asked if one.state is HandoffState.RETURNED and one.answer is not None]
    past = handoffs.past_work(tx, [one.taker for one in said], None, run.tenant)
    shares = {name: likely(work.returned + 1, work.ended + 2) for name, work in past.items()}
    return [Bid(name=one.taker, success=shares[one.taker], **(one.answer or {})) for one in said]


def _tell(tx: Transaction, run: Run, id: str, text: str, trust: Trust) -> None:
    mail.post(tx, run.id, "handoff", sender="baton", text=text, ref=id, trust=trust)


def _seconds(duration: Any) -> float | None:
    return None if duration is None else float(duration.total_seconds())


async def _terms(scene: Scene, arguments: dict[str, Any]) -> tuple[dict[str, handing.Terms], dict[str, str]]:
    """What the work is handed on with, by candidate; and who cannot be told of it, and why."""
    agents = [one.agent for one in scene.team.members.values() if one.agent.name != scene.run.agent]
    names: list[str] = []
    for name in arguments["to"]:
        people = await scene.ledger.read(lambda tx, name=name: skilled_people(tx, name.removeprefix(SKILL)))  # type: ignore[misc]
        names += [*meant(name, agents), *people] if name.startswith(SKILL) else [name]
    said: dict[str, handing.Terms] = {}
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            said[name] = handing.terms_for(scene.team, scene.member.agent, name, arguments)
        except BatonError as error:
            left_out[name] = str(error)
    return said, left_out
