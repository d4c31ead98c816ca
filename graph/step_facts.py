"""What the steps of a workflow have come to, as the record has it: of hand-offs, effects, waits and questions."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baton.core import ActionId, ReviewId, Ruling, RunId
from baton.graph.past import Past
from baton.graph.patterns import Result, Walk
from baton.graph.patterns.sagas import DOUBT
from baton.ledger import (
    DecisionKind,
    EffectRecord,
    EffectState,
    Handoff,
    HandoffState,
    Line,
    Proposal,
    Review,
    Transaction,
    effects,
    handoffs,
    joins,
    timers,
    waits,
    workflow_steps,
)
from baton.ledger.joins import Join
from baton.ledger.workflow_steps import StepRow

_AT_ONCE = 500
"""Pieces of a join that are read at a time."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the record has on the steps of a run that are open.

    Attributes:
        steps: All that have begun.
        handoffs: By the call that offered them.
        effects: By the call.
        waits: By the call: its state, and the text of its event.
        timers: Calls whose time is to come.
        mine: What the run itself works on for somebody; None where it was submitted.
        joins: How far pieces have come that steps join, by the step's key.
        answers: What the pieces came to of joins that are over, by the same key, where it has been asked for.
    """

    steps: Sequence[StepRow]
    handoffs: Mapping[ActionId, Handoff] = field(default_factory=dict[ActionId, Handoff])
    effects: Mapping[ActionId, EffectRecord] = field(default_factory=dict[ActionId, EffectRecord])
    waits: Mapping[ActionId, tuple[str, str | None]] = field(default_factory=dict[ActionId, tuple[str, str | None]])
    timers: frozenset[str] = frozenset()
    mine: Handoff | None = None
    joins: Mapping[str, Join] = field(default_factory=dict[str, Join])
    answers: Mapping[str, list[tuple[int, Result]]] = field(default_factory=dict[str, list[tuple[int, Result]]])


def facts(tx: Transaction, run: RunId, proposals: Sequence[Proposal], asked: Sequence[Review]) -> Facts:
    """Look at the record."""
    steps = workflow_steps.of_run(tx, run)
    by_id = {proposal.action.id: proposal for proposal in proposals}
    own = [step.action for step in steps if step.state is None and step.action is not None]
    calls = [_carrier(one, by_id, asked) for one in own]
    tools = {by_id[one].action.tool for one in own if one in by_id}
    mine = handoffs.of_child(tx, run)
    spread = [step.key for step in steps if step.state is None and step.what.startswith("map ")]
    joined = {key: join for key in spread if (join := joins.get(tx, run, key)) is not None}
    if not calls:
        return Facts(steps=steps, mine=mine, joins=joined)
    return Facts(
        steps=steps,
        handoffs={one.action: one for one in handoffs.of_actions(tx, calls)} if "hand_off" in tools else {},
        effects={one.key: one for one in (effects.get(tx, call) for call in calls) if one is not None},
        waits=waits.of_actions(tx, calls) if "wait_for" in tools else {},
        timers=frozenset(timers.started(tx, run, "wait")) if "wait" in tools else frozenset(),
        mine=mine,
        joins=joined,
    )


def pieces(tx: Transaction, run: RunId, found: Facts, wanted: Collection[str]) -> Facts:
    """The facts, with what the pieces came to that some steps join."""
    return replace(found, answers={key: _answers(tx, run, key, found.joins[key].total) for key in wanted})


def _answers(tx: Transaction, run: RunId, key: str, total: int) -> list[tuple[int, Result]]:
    """Places and results of the pieces that have ended, read some at a time: there may be ten thousand."""
    return [
        (one.item or 0, _handed_back(one))
        for start in range(0, total, _AT_ONCE)
        for one in handoffs.of_join(tx, run, key, start, start + _AT_ONCE)
        if not one.state.open
    ]


def settle(walk: Walk, past: Past, found: Facts, lines: Sequence[Line]) -> None:
    """Note what open steps have come to by now; `lines` are the run's, with what has just come."""
    by_id = {proposal.action.id: proposal for proposal in past.proposals}
    asked = {review.id: review for review in past.reviews}
    said = {line.ref: line.text for line in lines if line.role in ("tool", "notice") and line.ref}
    for row in list(walk.known.values()):
        if row.state is not None:
            continue
        if row.action is None:
            review = asked.get(ReviewId(str(row.value)))
            if review is not None and not review.open:
                walk.settle(row.key, row.what, Result("returned", row.value))
        elif (proposal := by_id.get(row.action)) is not None:
            call = _carrier(row.action, by_id, past.reviews)
            review = asked.get(proposal.review) if proposal.review is not None else None
            came = _came(call, by_id.get(call, proposal), review, found, said.get(row.action, ""))
            if came is not None:
                walk.settle(row.key, row.what, *came)


def _carrier(action: ActionId, by_id: Mapping[ActionId, Proposal], asked: Sequence[Review]) -> ActionId:
    """The call that is carried out for one that has joined a question about the same: that one."""
    proposal = by_id.get(action)
    if proposal is None or proposal.review is None or proposal.verdict.ruling is not Ruling.ASK:
        return action
    review = next((one for one in asked if one.id == proposal.review), None)
    return action if review is None or review.action is None else review.action


def _came(
    call: ActionId, proposal: Proposal, review: Review | None, found: Facts, said: str
) -> tuple[Result, float | None] | None:
    """What a call has come to, and when; None while it is open."""
    if call in found.handoffs:
        handoff = found.handoffs[call]
        return None if handoff.state.open else (_handed_back(handoff), handoff.ended_at)
    if call in found.effects:
        result = _carried_out(found.effects[call], review)
        return None if result is None else (result, found.effects[call].ended_at)
    if call in found.waits:
        result = _met(*found.waits[call])
        return None if result is None else (result, None)
    result = _unmade(call, proposal, review, found, said)
    return None if result is None else (result, None)


def _handed_back(handoff: Handoff) -> Result:
    if handoff.state is HandoffState.RETURNED:
        return Result("returned", handoff.said if handoff.answer is None else dict(handoff.answer), handoff.said)
    return Result(handoff.state.value, said=handoff.said)  # type: ignore[arg-type]


def _carried_out(effect: EffectRecord, review: Review | None) -> Result | None:
    match effect.state:
        case EffectState.DONE:
            return Result("returned", value_of(effect.result))
        case EffectState.FAILED:
            return Result("failed", said=effect.result.removeprefix("error: "))
        case EffectState.DOUBT if review is not None and not review.open and not _goes_ahead(review):
            return Result("failed", said=DOUBT)
        case _:
            return None


def _met(state: str, text: str | None) -> Result | None:
    match state:
        case "given":
            data = (text or "").partition("]")[2].strip()
            return Result("returned", value_of(data) if data else None)
        case "late":
            return Result("expired", said="it has not come in time")
        case "dropped":
            return Result("withdrawn")
        case _:
            return None


def _unmade(call: ActionId, proposal: Proposal, review: Review | None, found: Facts, said: str) -> Result | None:
    """What became of a call that has left no rows of its own: one that waits, was refused, or never was one."""
    if proposal.problem is not None:
        return Result("failed", said=proposal.problem)
    if call in found.timers or (review is not None and review.open):
        return None
    if review is not None and review.action == call and not _goes_ahead(review):
        decision = review.decision
        return Result("denied", said=(decision.note or decision.kind) if decision is not None else "")
    told = _TOLD.search(said)
    match told[1] if told is not None else "":
        case "error":
            return Result("failed", said=told[2] if told is not None else "")
        case "denied":
            return Result("denied", said=told[2] if told is not None else "")
        case "pending" if proposal.action.tool == "hand_off_each" and told is not None and "joins them" in told[2]:
            return Result("returned")
        case "pending" if proposal.action.tool == "wait" and told is not None and "you are told" in told[2]:
            return Result("returned")
        case _:
            return Result("denied", said=proposal.verdict.reason) if proposal.verdict.ruling is Ruling.DENY else None


_TOLD = re.compile(r"(?:^|[)\w]: )(error|denied|pending): (.*)", re.DOTALL)


def _goes_ahead(review: Review) -> bool:
    go = (DecisionKind.APPROVE, DecisionKind.EDIT, DecisionKind.RESPOND)
    return review.decision is not None and review.decision.kind in go


def value_of(text: str) -> Any:
    """What a text holds: JSON, or itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
