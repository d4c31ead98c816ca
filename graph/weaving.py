"""Workflows at work: what they begin next, let go of and end with, from what their steps have come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from baton.agents import Agent
from baton.core import Fault, MailArrived, Ruling, ToolCall, action_id, call_id, dump
from baton.graph import handing
from baton.graph.closing import closing, known
from baton.graph.outcome import Rider
from baton.graph.past import Past
from baton.graph.patterns import At, Result, Start, Walk, Workflow
from baton.graph.step_facts import Facts, settle
from baton.graph.trouble import open_trouble
from baton.ledger import (
    DecisionKind,
    Handoff,
    HandoffState,
    Line,
    Proposal,
    Review,
    ReviewKind,
    Run,
    Transaction,
    events,
    handoffs,
    joins,
    journal,
    mail,
    reservations,
    reviews,
    timers,
    waits,
    workflow_steps,
)
from baton.ledger.workflow_steps import StepRow

CANNOT_ANSWER = (
    "This work comes from a workflow, which cannot answer. Go by what you were given, ask a person, or refuse the work."
)


@dataclass(frozen=True, kw_only=True)
class Woven:
    """What a workflow does next.

    Attributes:
        calls: To propose; empty where there is nothing to do until mail comes.
        riders: To commit with it.
        trouble: What people have to be asked; None where nothing is wrong.
        wanted: Joins that are over, and of whose pieces it has to know what they came to before it goes on.
    """

    calls: tuple[ToolCall, ...] = ()
    riders: tuple[Rider, ...] = ()
    trouble: str | None = None
    wanted: frozenset[str] = frozenset()


def weave(
    workflow: Workflow, agent: Agent, past: Past, found: Facts, lines: Sequence[Line], turn: int, news: bool
) -> Woven:
    """Work out what a workflow does next. No I/O.

    Args:
        workflow: What is worked off.
        agent: As it stands in the team.
        past: The run so far.
        found: What the record has on its open steps.
        lines: Its transcript with what has just come.
        turn: The turn that this is.
        news: Whether anything has come since the turn before.
    """
    known_steps = {step.key: step for step in found.steps}
    walk = Walk(known=known_steps, now=past.now, joins=dict(found.joins), answers=dict(found.answers))
    walk.names = workflow.steps.keys()
    settle(walk, past, found, lines)
    at = At(walk, known(agent, past.run.goal, past.run.requester, found.mine) | walk.seen(""))
    ending = _ending(past.proposals, past.reviews)
    if ending is not None:
        return _ended_again(ending, news) or _finish(workflow, past, found, at, _root(workflow, at))
    result = _walked(workflow, at, past.run, past.now)
    if walk.wanted - found.answers.keys():
        return Woven(wanted=frozenset(walk.wanted))
    riders: list[Rider] = [_rider(past.run, found, walk, turn, past.proposals, past.reviews)] if _changed(walk) else []
    asked = [one for one in found.handoffs.values() if one.state is HandoffState.ASKED]
    riders += [partial(_answer, asked)] if asked else []
    calls = [*map(_call, walk.starts)]
    done = not calls and not walk.told
    if done and result is not None and all(row.state is not None for row in walk.known.values()):
        finish = _finish(workflow, past, found, at, result)
        return replace(finish, riders=(*riders, *finish.riders))
    return Woven(calls=tuple(calls), riders=tuple(riders))


def _walked(workflow: Workflow, at: At, run: Run, now: float) -> Result | None:
    walk = at.walk
    if (row := walk.known.get(_STOPPED)) is not None and row.state is not None:
        return Result(row.state, row.value, row.said)
    if run.deadline is not None and now >= run.deadline:
        walk.stop = Result("expired", said="the deadline of its goal has passed")
    result, count = None, -1
    while walk.stop is None and result is None and count != len(walk.settled) + len(walk.starts):
        count = len(walk.settled) + len(walk.starts)  # what ends may let a part before it go on
        result = workflow.body.run(at)
        if workflow.lingers:
            workflow.body.linger(at)
    if walk.stop is not None:
        workflow.body.drop(at, walk.stop.said)
        walk.settle(_STOPPED, "stop", walk.stop)
        return walk.stop
    return result


_STOPPED = "?stop"


def _root(workflow: Workflow, at: At) -> Result:
    """What the whole has come to, as the record has it."""
    row = at.walk.known.get(_STOPPED)
    if row is not None and row.state is not None:
        return Result(row.state, row.value, row.said)
    return workflow.body.run(at) or Result("failed", said="its record says that it had ended, and its steps do not")


def _changed(walk: Walk) -> bool:
    return bool(walk.starts or walk.settled or walk.dropped or walk.told or walk.wakes or walk.closed)


def _call(start: Start) -> ToolCall:
    given = {"_confidence": 1.0, "_reason": f"step {start.key}"}
    return ToolCall(name=start.tool, arguments=dump(start.arguments | given))


def _answer(asked: Sequence[Handoff], tx: Transaction) -> None:
    """Tell whoever asks a workflow about its work that nobody answers."""
    for handoff in asked:
        handoffs.told(tx, handoff)
        text = f"[hand-off {handoff.id}: {handoff.giver} answers] {CANNOT_ANSWER}"
        if handoff.child is not None:
            mail.post(tx, handoff.child, "handoff", sender="baton", text=text, ref=handoff.id)


def _rider(
    run: Run, found: Facts, walk: Walk, turn: int, proposals: Sequence[Proposal], asked: Sequence[Review]
) -> Rider:
    """What is committed with the step: the rows of its steps, and what is withdrawn."""
    before = {step.key for step in found.steps}
    begun = [
        StepRow(key=start.key, what=start.what, action=action_id(call_id(run.id, turn), place))
        for place, start in enumerate(walk.starts)
    ]
    new = [row for key, row in walk.settled.items() if key not in before]
    old = [row for key, row in walk.settled.items() if key in before]

    def record(tx: Transaction) -> None:
        for key, why in walk.dropped.items():
            _withdraw(tx, run, walk.known[key], why, found, proposals, asked)
        told = [
            StepRow(key=key, what="told", value=open_trouble(tx, run, said, Fault.LASTING))
            for key, said in walk.told.items()
        ]
        workflow_steps.begin(tx, run.id, [*begun, *new, *told])
        workflow_steps.settle(tx, run.id, old)
        _join(tx, run, walk)
        ended = {row.key: row.state for row in (*new, *old) if "?" not in row.key and row.state is not None}
        events.emit(tx, run.id, "workflow.moved", begun=[row.key for row in begun], ended=ended)

    return record


def _join(tx: Transaction, run: Run, walk: Walk) -> None:
    """Record the joins that begin, what they wait for next, and those of which the rest is let go of."""
    for key, join in walk.opened.items():
        joins.create(tx, run.id, key, join)
    for key in {*walk.missed, *walk.wakes}:
        joins.spread(tx, run.id, key, 0, walk.wakes.get(key, walk.joins[key].total), walk.missed.get(key, ()))
    for key, why in walk.closed.items():
        handing.withdraw_joined(tx, run, key, why)


def _withdraw(
    tx: Transaction,
    run: Run,
    row: StepRow,
    why: str,
    found: Facts,
    proposals: Sequence[Proposal],
    asked: Sequence[Review],
) -> None:
    """Take back what is open of a step.

    Raises:
        MailArrived: if it has come to something at this moment: that is read first.
    """
    if row.key in found.joins:
        handing.withdraw_joined(tx, run, row.key, why)
    if row.action is None or row.action in found.effects:
        return
    handoff = found.handoffs.get(row.action)
    if handoff is not None:
        handing.withdraw(tx, run, handoff, why)
    elif row.action in found.timers:
        _sure(run, timers.stop(tx, run.id, "wait", row.action))
    elif row.action in found.waits:
        _sure(run, waits.drop_one(tx, run.id, row.action))
    else:
        for review in asked:
            if review.action == row.action and review.open and review.kind is ReviewKind.ACTION:
                now = reviews.get(tx, review.id)
                how = DecisionKind.WITHDRAWN
                _sure(run, now.held is None and reviews.close_unanswered(tx, now, how, f"{run.agent}: {why}"))
        proposal = next((one for one in proposals if one.action.id == row.action), None)
        if proposal is not None and proposal.review not in {None, *(review.id for review in asked)}:
            journal.spoil(tx, row.action, f"{run.agent}: {why}")  # nobody was asked yet, nor is anybody now
            reservations.let_go(tx, run.id, row.action)


def _sure(run: Run, done: bool) -> None:
    if not done:
        raise MailArrived(run.id)


def _ending(proposals: Sequence[Proposal], asked: Sequence[Review]) -> tuple[Proposal, Review | None] | None:
    """The `finish` that it has proposed last, with the question about it; None before it has."""
    last = proposals[-1] if proposals else None
    if last is None or last.action.tool != "finish":
        return None
    return last, next((one for one in asked if one.id == last.review), None)


def _ended_again(ending: tuple[Proposal, Review | None], news: bool) -> Woven | None:
    """What to do where its end was not accepted; None to propose it again."""
    proposal, review = ending
    if review is not None and review.open:
        return Woven()
    if proposal.verdict.ruling is Ruling.DENY:
        return Woven(trouble=f"policy does not let it end: {proposal.verdict.reason}")
    return None if news else Woven()


def _finish(workflow: Workflow, past: Past, found: Facts, at: At, result: Result) -> Woven:
    owed, criteria = found.mine, len(past.run.goal.criteria)
    return Woven(calls=(_finished(closing(workflow, at.data, result, owed, criteria)),))


def _finished(arguments: Mapping[str, Any]) -> ToolCall:
    given = {"_confidence": 1.0, "_reason": "everything has come to something"}
    return ToolCall(name="finish", arguments=dump({**arguments, **given}))
