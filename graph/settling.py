"""Settling claims in conflict: answers to work that several did, values of a field in the notes, disputed facts.

The rules are the agent's operators', tried in their order: the first one that tells the sides apart decides. What is
trusted less never wins over what is trusted more but by a person, who is shown all sides with what they rest on.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from baton.core import (
    Action,
    BatonError,
    Draft,
    Effect,
    FactId,
    InvalidValue,
    Label,
    ReviewId,
    Ruling,
    RunId,
    Trust,
    Verdict,
    derived,
    dump,
    random_id,
)
from baton.graph.claims import RULES, Side, agree, decided
from baton.graph.outcome import Outcome, refusal
from baton.graph.past import Past, load
from baton.graph.rereading import read_again
from baton.graph.resting import Basis
from baton.graph.scene import Scene
from baton.graph.trouble import open_review
from baton.ledger import (
    DecisionKind,
    EffectRecord,
    EffectState,
    HandoffState,
    ReviewKind,
    Run,
    Transaction,
    effects,
    events,
    facts,
    handoffs,
    mail,
    notes,
    reviews,
    runs,
    transcript,
)
from baton.review.deciding import SETTLES
from baton.review.typed import read_typed

TOOL = SETTLES
_MOST_READ = 20


async def settle_claims(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Find out which of several claims holds, by the operators' rules, by what they rest on, or by a person."""
    run, rules = scene.run, list(scene.member.agent.settles)
    wanted = list(dict.fromkeys(arguments["claims"]))
    try:
        sides = await scene.ledger.read(lambda tx: _sides(tx, run, wanted))
    except BatonError as error:
        return refusal(str(error))
    if agree(sides):
        return refusal(
            f"there is nothing to settle: all claim {sides[0].value}" if sides else "name two claims or more"
        )
    if "evidence" in rules:
        sides = list(await asyncio.gather(*(_looked_at(scene, action, side) for side in sides)))
    for rule in rules:
        if rule == "person":
            return _asks(run, action, arguments["question"], sides)
        best = decided(sides, rule)
        if best is not None:
            label = derived(side.label for side in sides)
            return Outcome(
                text=dump(_told(sides, best, rule, rule)),
                trust=min(label.trust, Trust.AGENT),
                confidentiality=label.confidentiality,
                riders=[partial(_apply, run=run, sides=sides, best=best, rule=rule, by=run.agent, label=best.label)],
            )
    told = dump([side.document() for side in sides])
    label = derived(side.label for side in sides)
    text = f"error: none of the rules ({', '.join(rules)}) tells them apart: {told}"
    return Outcome(text=text, trust=label.trust, confidentiality=label.confidentiality)


def _told(sides: Sequence[Side], best: Side, rule: str, by: str) -> dict[str, Any]:
    return {"holds": best.value, "claim": best.id, "by": by, "why": RULES[rule], "sides": [s.document() for s in sides]}


def _asks(run: Run, action: Action, question: str, sides: Sequence[Side]) -> Outcome:
    """People are shown all sides; the number of the one that holds is their answer."""
    review = ReviewId(random_id("rev"))
    shape = {"type": "integer", "minimum": 1, "maximum": len(sides)}
    numbered = "\n".join(f"{number}. {side.value} ({_grounds(side)})" for number, side in enumerate(sides, 1))
    asked: dict[str, Any] = {
        "summary": f"{question}\n{numbered}",
        "sides": [side.document() for side in sides],
        "ids": [side.id for side in sides],
        "answer": {
            "type": "object",
            "properties": {"side": shape},
            "required": ["side"],
            "additionalProperties": False,
        },
        "answers": f'respond with JSON: {{"side": 1}} to {{"side": {len(sides)}}}. reject: none of them.',
    }
    verdict = Verdict(ruling=Ruling.ASK, reason="claims are in conflict", policy="", kind=f"{run.agent}/{TOOL}")
    kind = ReviewKind.QUESTION
    return Outcome(
        text=f"pending: review {review}: people say which holds",
        pending=True,
        review=review,
        riders=[lambda tx: open_review(tx, run, review, kind, asked, verdict, action=action.id, tool=TOOL)],
    )


def _grounds(side: Side) -> str:
    looked = {True: ", what it was read from says so today", False: ", what it was read from says otherwise today"}
    cited = f"; {'; '.join(side.evidence)}" if side.evidence else ""
    return f"{side.by}, {side.label.trust.name.lower()} trust{looked.get(side.holds, '')}{cited}"  # type: ignore[arg-type]


def by_person(tx: Transaction, id: str) -> None:
    """Have what a person has said hold."""
    review = reviews.get(tx, ReviewId(id))
    decision, run = review.decision, runs.get(tx, review.run)
    if decision is None or decision.kind is not DecisionKind.RESPOND:
        return
    answer = read_typed(decision.note, review.question["answer"])[0]
    if answer is None:
        return
    claimed: list[str] = review.question["ids"]
    said = claimed[int(answer["side"]) - 1]
    try:
        names = dict.fromkeys(_claim_of(tx, one) for one in claimed)
        sides = _sides(tx, run, list(names))
    except BatonError:
        sides = []
    best = next((side for side in sides if side.id == said), None)
    if best is None:  # somebody has settled it otherwise meanwhile
        _tell(tx, run, f"[claims of {id} have changed since {decision.by} was asked: look again]")
        return
    _apply(tx, run, sides, best, "person", decision.by, Label(Trust.USER, confidentiality=best.label.confidentiality))
    _tell(tx, run, f"[claims settled by {decision.by}] {dump(_told(sides, best, 'person', decision.by))}")


def _claim_of(tx: Transaction, id: str) -> str:
    """How an agent names what a side stands for: a value of the notes by its field."""
    if not id.startswith("note_"):
        return id
    field = notes.field_of(tx, id)
    return f"note:{field}"


def _tell(tx: Transaction, run: Run, text: str) -> None:
    if not run.ended:
        mail.post(tx, run.id, "handoff", sender="baton", text=text, trust=Trust.EXTERNAL)


def _apply(tx: Transaction, run: Run, sides: Sequence[Side], best: Side, rule: str, by: str, label: Label) -> None:
    """Have one side hold: the field gets its value, the other facts are retired; and it is recorded, with why."""
    losers = [side for side in sides if side.value != best.value]
    if best.id.startswith("note_"):
        field, ids = notes.field_of(tx, best.id), tuple(side.id for side in sides)
        draft = Draft(field=field, text=best.value, replaces=ids)
        notes.write(tx, run.id, [draft], by=by, label=label, agent=rule != "person")
    for side in losers:
        if side.id.startswith("fct_"):
            facts.retire(tx, run.tenant, FactId(side.id))
    said = {"rule": rule, "by": by, "why": RULES[rule]}
    claims = [{"id": side.id, "by": side.by, "holds": side.holds, "at": side.at} for side in sides]
    events.emit(tx, run.id, "claims.settled", claim=best.id, claims=claims, **said)


def _sides(tx: Transaction, run: Run, wanted: Sequence[str]) -> list[Side]:
    """What is claimed, each by itself.

    Raises:
        InvalidValue: if a claim is none of this run's.
        NotFound: if there is no such fact.
    """
    sides: list[Side] = []
    for claim in wanted:
        kind, _, name = claim.partition(":")
        if kind == "note" and name:
            sides += _of_field(tx, run, name)
        elif claim.startswith("fct_"):
            sides.append(_of_fact(tx, run, claim))
        else:
            sides.append(_of_handoff(tx, run, claim))
    return sides


def _of_field(tx: Transaction, run: Run, field: str) -> list[Side]:
    values = notes.at_version(tx, run.id).fields.get(field, ())
    return [
        Side(id=one.id, value=one.text, by=one.by, label=one.label, at=one.at, run=RunId(one.run) if one.run else None)
        for one in values
    ]


def _of_fact(tx: Transaction, run: Run, id: str) -> Side:
    fact = facts.one(tx, run.tenant, FactId(id))
    value = f"{fact.subject} {fact.predicate}: {fact.object}" if fact.object else f"{fact.subject}: {fact.text}"
    who = f"run {fact.run}" if fact.run else ", ".join(sorted(fact.label.sources)) or "unknown"
    return Side(id=id, value=value, by=who, label=fact.label, at=fact.recorded_at, run=fact.run)


def _of_handoff(tx: Transaction, run: Run, id: str) -> Side:
    found = next((one for one in handoffs.of_run(tx, run.id) if one.id == id), None)
    if found is None or found.state is not HandoffState.RETURNED:
        allowed = "a hand-off of yours that has come back, note:FIELD of the notes, or the id of a fact"
        raise InvalidValue("claim", id, allowed)
    value = dump(dict(found.answer)) if found.answer is not None else found.said
    child = runs.get(tx, found.child) if found.child is not None else None
    label = Label(Trust.USER) if child is None else _told_label(tx, run, child.id)
    return Side(
        id=id,
        value=value,
        by=found.taker,
        label=label,
        at=found.ended_at or found.offered_at,
        run=found.child,
        evidence=child.evidence if child is not None else (),
    )


def _told_label(tx: Transaction, run: Run, child: RunId) -> Label:
    """The label that an answer came back with; a stranger's where it was not told."""
    lines = [line for line in transcript.read(tx, run.id, transcript.WHOLE) if line.ref == child]
    found = [Label(min(line.trust, Trust.AGENT), confidentiality=line.confidentiality) for line in lines]
    return derived(found) if found else Label(Trust.EXTERNAL)


async def _looked_at(scene: Scene, action: Action, side: Side) -> Side:
    """A side once all that its run has read with tools was read again, as policy and retries allow."""
    if side.run is None:
        return side
    id = side.run
    members = scene.team.members
    past, done = await scene.ledger.read(
        lambda tx: (load(tx, id, transcript.WHOLE, members=members), effects.of_run(tx, id))
    )
    member = members.get(past.run.agent)
    if member is None:
        return side
    before = _readings(past, done, {name for name, spec in member.agent.specs.items() if spec.effect is Effect.READ})
    record, clock = past.record([], member.agent.specs), scene.ledger.clock
    after = await read_again(member, past.run, action, before, record, clock)
    if not before:
        return side
    looked = [
        f"{old.name}: {'as it was' if _same(old, new) else _now(new)}" for old, new in zip(before, after, strict=True)
    ]
    return side.looked_at(all(_same(old, new) for old, new in zip(before, after, strict=True)), looked)


def _same(old: Basis, new: Basis) -> bool:
    return new.problem is None and old.mark == new.mark


def _now(new: Basis) -> str:
    return f"cannot be read: {new.problem}" if new.problem else f"says {(new.said or '')[:200]} today"


def _readings(past: Past, done: Sequence[EffectRecord], reads: set[str]) -> list[Basis]:
    """What a run has read with its own tools, the newest of each call."""
    given = {one.action.id: one.action.arguments for one in past.proposals}
    found: dict[str, Basis] = {}
    for one in done:
        if one.state is EffectState.DONE and one.tool in reads and one.key in given:
            arguments = one.arguments if one.arguments is not None else given[one.key]
            basis = Basis(tool=one.tool, arguments=arguments).read(one.result, one.ended_at or one.claimed_at)
            found[basis.name] = basis
    return list(found.values())[-_MOST_READ:]
