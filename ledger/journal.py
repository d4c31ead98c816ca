"""The journal of model calls and of the actions they proposed. What is recorded is never asked again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import (
    Action,
    ActionId,
    Assessed,
    Charge,
    ModelReply,
    NotFound,
    Promise,
    ReviewId,
    Ruling,
    RunId,
    Verdict,
    dump,
)
from baton.ledger.events import emit
from baton.ledger.runs import count_turn
from baton.ledger.schema import actions, model_calls
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """An action as it was recorded, with what policy said.

    Attributes:
        action: The call.
        turn: The model call that proposed it, from 1.
        position: Its place in that call, from 0.
        raw: The model's own text of the arguments, where it was no valid call.
        problem: Why it is no valid call; None where it is one.
        verdict: What policy said.
        review: The question it waits for; None where it needs none.
    """

    action: Action
    turn: int
    position: int
    raw: str | None
    problem: str | None
    verdict: Verdict
    review: ReviewId | None


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """One model call as it was recorded.

    Attributes:
        turn: From 1.
        finish: Why the model stopped.
        seconds: How long it took, retries included.
        attempts: Tries that were needed.
        left_out: Messages that did not fit the budget.
        at: When its answer was recorded, seconds since 1970.
        context: The account of what the request held, as JSON; None where an older Baton made it.
    """

    turn: int
    model: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    attempts: int
    left_out: int
    at: float
    context: str | None = None


def calls(tx: Transaction, run: RunId) -> list[ModelCall]:
    """A run's model calls in order."""
    query = select(model_calls).where(model_calls.c.run == run).order_by(model_calls.c.turn)
    return [
        ModelCall(**{name: value for name, value in row._asdict().items() if name != "run"}) for row in tx.rows(query)
    ]


def last_call(tx: Transaction, run: RunId) -> float | None:
    """When a run's model answered last, in seconds since 1970; None before it has."""
    at: float | None = tx.value(_LAST, run=run)
    return at


def used(tx: Transaction, members: Sequence[RunId]) -> dict[str, tuple[int, int]]:
    """The tokens that runs have read and written, by model."""
    return {row.model: (row.read, row.wrote) for row in tx.rows(_USED, runs=list(members))} if members else {}


def record_call(
    tx: Transaction, run: RunId, turn: int, model: str, reply: ModelReply, left_out: int, context: str | None = None
) -> None:
    """Record one model call. Its text stands in the transcript, its tool calls are the actions of its turn."""
    tx.execute(
        _CALLED,
        {
            "run": run,
            "turn": turn,
            "model": model,
            "finish": reply.finish,
            "prompt_tokens": reply.usage.prompt,
            "completion_tokens": reply.usage.completion,
            "seconds": reply.seconds,
            "attempts": reply.attempts,
            "left_out": left_out,
            "at": tx.now,
            "context": context,
        },
    )
    count_turn(tx, run, reply.usage.prompt, reply.usage.completion)
    emit(
        tx,
        run,
        "model.answered",
        turn=turn,
        model=model,
        calls=len(reply.calls),
        tokens=[reply.usage.prompt, reply.usage.completion],
        seconds=round(reply.seconds, 4),
        attempts=reply.attempts,
        **({"instead": reply.instead} if reply.instead else {}),
    )


def record_proposals(tx: Transaction, proposals: Sequence[Proposal]) -> None:
    """Record the actions of one model call with their verdicts."""
    if not proposals:
        return
    tx.execute(_PROPOSED, [_row(proposal) for proposal in proposals])
    for proposal in proposals:
        action, verdict = proposal.action, proposal.verdict
        emit(
            tx,
            action.run,
            "action.judged",
            action=action.id,
            tool=action.tool,
            ruling=verdict.ruling,
            rules=list(verdict.rules),
            problem=proposal.problem,
            review=proposal.review,
        )


_CALLED = insert(model_calls)
_USED = (
    select(
        model_calls.c.model,
        func.sum(model_calls.c.prompt_tokens).label("read"),
        func.sum(model_calls.c.completion_tokens).label("wrote"),
    )
    .where(model_calls.c.run.in_(bindparam("runs", expanding=True)))
    .group_by(model_calls.c.model)
)
_LAST = select(func.max(model_calls.c.at)).where(model_calls.c.run == bindparam("run"))
_PROPOSED = insert(actions)
_OF_RUN = select(actions).where(actions.c.run == bindparam("run")).order_by(actions.c.turn, actions.c.position)
_ONE = select(actions).where(actions.c.id == bindparam("action"))


def proposals(tx: Transaction, run: RunId, known: dict[Any, Proposal] | None = None) -> list[Proposal]:
    """A run's recorded actions in order. What `known` holds as it is recorded is not made again; the rest is added."""
    made = known if known is not None else {}
    found: list[Proposal] = []
    for row in tx.rows(_OF_RUN, run=run):
        mark = (row.id, row.review, row.problem)  # all of it that may change
        if mark not in made:
            made[mark] = read_proposal(row)
        found.append(made[mark])
    return found


def proposal(tx: Transaction, action: ActionId) -> Proposal:
    """The recorded action with this id.

    Raises:
        NotFound: if there is none.
    """
    found = find(tx, action)
    if found is None:
        raise NotFound("action", action)
    return found


def find(tx: Transaction, action: ActionId) -> Proposal | None:
    """The recorded action with this id; None if there is none, as where it is a piece of one that was spread."""
    row = tx.row(_ONE, action=action)
    return read_proposal(row) if row is not None else None


def set_review(tx: Transaction, action: ActionId, review: ReviewId) -> None:
    """Have an action wait for a (further) review."""
    tx.execute(update(actions).where(actions.c.id == action).values(review=review))


def spoil(tx: Transaction, action: ActionId, problem: str) -> None:
    """Note that an action can no longer be carried out as it was proposed, and what its agent is told of it."""
    tx.execute(update(actions).where(actions.c.id == action).values(problem=problem))


def verdict_json(verdict: Verdict) -> str:
    """A verdict as stored."""
    known = verdict.assessed
    assessed = None if known is None else vars(known) | {"promise": vars(known.promise)}
    return dump(vars(verdict) | {"charges": [vars(charge) for charge in verdict.charges], "assessed": assessed})


_LISTED = ("rules", "reviewers", "escalate_to", "skills", "windows")


@lru_cache(maxsize=1024)  # what waits for people is looked at again and again
def verdict_from(text: str) -> Verdict:
    """A verdict as stored, read back."""
    fields = json.loads(text)
    fields["ruling"] = Ruling(fields["ruling"])
    fields |= {name: tuple(fields.get(name, ())) for name in _LISTED}
    fields["charges"] = tuple(map(_charge, fields.get("charges", [])))
    fields["assessed"] = _assessed(fields.get("assessed"))
    return Verdict(**fields)


def _assessed(fields: dict[str, Any] | None) -> Assessed | None:
    if fields is None:
        return None
    read: dict[str, Any] = {"promise": Promise(**fields["promise"]), "traits": tuple(fields["traits"])}
    return Assessed(**fields | read)


def _charge(fields: dict[str, Any]) -> Charge:
    fields["values"] = tuple(fields["values"])
    return Charge(**fields)


def _row(proposal: Proposal) -> dict[str, Any]:
    action = proposal.action
    return {
        "id": action.id,
        "run": action.run,
        "turn": proposal.turn,
        "position": proposal.position,
        "agent": action.agent,
        "tool": action.tool,
        "version": action.version,
        "arguments": proposal.raw if proposal.raw is not None else dump(action.arguments),
        "problem": proposal.problem,
        "confidence": action.confidence,
        "margin": action.margin,
        "reason": action.reason,
        "ruling": proposal.verdict.ruling.value,
        "verdict": verdict_json(proposal.verdict),
        "review": proposal.review,
    }


def read_proposal(row: Any) -> Proposal:
    """A row of the actions as a proposal."""
    valid = row.problem is None
    action = Action(
        id=row.id,
        run=row.run,
        agent=row.agent,
        tool=row.tool,
        version=row.version,
        arguments=json.loads(row.arguments) if valid else _readable(row.arguments),
        confidence=row.confidence,
        margin=row.margin,
        reason=row.reason,
    )
    return Proposal(
        action=action,
        turn=row.turn,
        position=row.position,
        raw=None if valid else row.arguments,
        problem=row.problem,
        verdict=verdict_from(row.verdict),
        review=row.review,
    )


def _readable(raw: str) -> dict[str, Any]:
    """What can be read of the arguments of a call that is not valid; empty where nothing can."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
