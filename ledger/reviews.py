"""Reviews and decisions as rows: opened, claimed and closed by compare-and-set on a version."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import ActionId, Ambiguous, DecisionId, NotFound, ReviewId, RunId, Verdict, dump, random_id
from baton.ledger import bodies, forecasts
from baton.ledger.events import emit
from baton.ledger.journal import verdict_from, verdict_json
from baton.ledger.schema import decisions, reviews, runs
from baton.ledger.transaction import Transaction

PATIENCE = 72 * 3600.0
"""Seconds in which a question should be answered that has no deadline, nor anything that waits for it."""


class ReviewKind(StrEnum):
    """What people are asked."""

    ACTION = "action"  # may this happen?
    QUESTION = "question"  # what is the answer?
    DOUBT = "doubt"  # did this happen?
    TROUBLE = "trouble"  # the agent cannot go on: what now?


class DecisionKind(StrEnum):
    """What was answered, by a person or by the queue."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    RESPOND = "respond"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An answer to a review.

    Attributes:
        by: The person, or `baton` for the queue's own.
        channel: Where it came from, such as `cli` or `sdk`.
        arguments: The arguments as edited; None where they are as proposed.
        verdict: What policy said of the edit; None without one.
        digest: Of exactly what was approved; None where nothing was.
        expires: When the approval lapses; None is never.
    """

    id: DecisionId
    review: ReviewId
    kind: DecisionKind
    by: str
    channel: str
    at: float
    note: str = ""
    arguments: dict[str, Any] | None = None
    verdict: Verdict | None = None
    digest: str | None = None
    expires: float | None = None


@dataclass(frozen=True, kw_only=True)
class Review:
    """A question to people.

    Attributes:
        state: `open` or `closed`.
        version: Rises with each change; a decision names the version it saw.
        question: What is asked: `summary`, and for an action its `arguments`, `reason`, `confidence`.
        verdict: Why it is asked.
        reviewers: Who may decide; empty is anybody.
        deadline: Seconds since 1970; None is never.
        on_deadline: `park` keeps it open and says it is late; `deny` rejects it.
        decision: How it was closed; None while it is open.
        due: When it should be answered, in seconds since 1970: its deadline or an earlier one of what waits for it.
        cost: What being late costs, beside others.
        skills: What somebody has to know to answer.
        votes: Approvals that count while more are needed, oldest first; an edit makes those before it void.
    """

    id: ReviewId
    run: RunId
    action: ActionId | None
    kind: ReviewKind
    state: str
    version: int
    agent: str
    tool: str
    question: Mapping[str, Any]
    verdict: Verdict
    reviewers: tuple[str, ...]
    requester: str | None
    opened_at: float
    deadline: float | None
    on_deadline: str
    claimed_by: str | None
    claimed_until: float | None
    decision: Decision | None
    due: float
    cost: float
    skills: tuple[str, ...]
    votes: tuple[Decision, ...] = ()

    @property
    def missing(self) -> int:
        """How many different people still have to approve."""
        return max(0, self.verdict.quorum - len(self.votes))

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state == "open"


def open_(
    tx: Transaction,
    run: RunId,
    kind: ReviewKind,
    *,
    id: ReviewId,
    action: ActionId | None,
    agent: str,
    tool: str,
    question: Mapping[str, Any],
    verdict: Verdict,
    requester: str | None,
) -> float | None:
    """Put a question into the queue; returns its deadline in seconds since 1970, None if it has none."""
    deadline = tx.now + verdict.deadline if verdict.deadline is not None else None
    tx.execute(
        insert(reviews).values(
            {
                "id": id,
                "run": run,
                "action": action,
                "kind": kind,
                "state": "open",
                "agent": agent,
                "tool": tool,
                "class": verdict.kind,
                "question": bodies.store(tx, dump(dict(question))),
                "verdict": verdict_json(verdict),
                "reviewers": dump(list(verdict.reviewers)),
                "requester": requester,
                "opened_at": tx.now,
                "deadline": deadline,
                "on_deadline": verdict.on_deadline,
                "due": min([deadline or tx.now + PATIENCE, *_awaited(tx, run)]),
                "cost": verdict.cost,
                "skills": dump(list(verdict.skills)),
            }
        )
    )
    emit(tx, run, "review.opened", review=id, asks=kind, action=action, tool=tool)
    return deadline


def _awaited(tx: Transaction, run: RunId) -> list[float]:
    """When the goals are to be reached that wait for a run: its own, and those of whoever handed it over."""
    found: list[float] = []
    at: str | None = run
    while at is not None:
        row = tx.row(_GOAL, run=at)
        if row is None:
            break
        found += [] if row.deadline is None else [row.deadline]
        at = row.parent
    return found


def get(tx: Transaction, review: ReviewId) -> Review:
    """The review with this id.

    Raises:
        NotFound: if there is none.
    """
    rows = tx.rows(select(reviews).where(reviews.c.id == review))
    if not rows:
        raise NotFound("review", review, hint="`baton review` lists what waits.")
    return _reviews(tx, rows)[0]


def find(tx: Transaction, prefix: str) -> ReviewId:
    """The review whose id starts with `prefix`, with or without `rev_`.

    Raises:
        NotFound, Ambiguous: if there is none, or several.
    """
    start = prefix if prefix.startswith("rev_") else f"rev_{prefix}"
    if tx.value(_KNOWN, review=start):
        return ReviewId(start)  # the usual case, without looking through all
    fits = tx.values(select(reviews.c.id).where(reviews.c.id.startswith(start, autoescape=True)).limit(5))
    if not fits:
        raise NotFound("review", prefix, hint="`baton review` lists what waits.")
    if len(fits) > 1:
        raise Ambiguous("review", prefix, fits)
    return ReviewId(fits[0])


def waiting(tx: Transaction, *, runs: Sequence[RunId] | None = None, limit: int | None = None) -> list[Review]:
    """Open reviews: due ones first, the earliest deadline first, then the oldest."""
    if runs is None:
        return _reviews(tx, tx.rows(_WAITING, most=limit if limit is not None else _ALL))
    if len(runs) == 1:
        return _reviews(tx, tx.rows(_WAITING_IN_RUN, run=runs[0]))[:limit]
    return _reviews(tx, tx.rows(_WAITING_IN_RUNS, runs=runs))[:limit]


_ALL = 2**31 - 1
_ORDERED = (
    select(reviews)
    .where(reviews.c.state == "open")
    .order_by(func.coalesce(reviews.c.deadline, 1e18), reviews.c.opened_at)
)
_WAITING = _ORDERED.limit(bindparam("most"))
_WAITING_IN_RUN = _ORDERED.where(reviews.c.run == bindparam("run"))
_WAITING_IN_RUNS = _ORDERED.where(reviews.c.run.in_(bindparam("runs", expanding=True)))


def of_run(tx: Transaction, run: RunId) -> list[Review]:
    """All reviews of a run, oldest first."""
    return _reviews(tx, tx.rows(_OF_RUN, run=run))


_GOAL = select(runs.c.deadline, runs.c.parent).where(runs.c.id == bindparam("run"))
_KNOWN = select(reviews.c.id).where(reviews.c.id == bindparam("review"))
_OF_RUN = select(reviews).where(reviews.c.run == bindparam("run")).order_by(reviews.c.opened_at)
_COUNT_OPEN = select(func.count()).where(reviews.c.run == bindparam("run"), reviews.c.state == "open")


def count_open(tx: Transaction, run: RunId) -> int:
    """How many questions of a run are open."""
    count: int = tx.value(_COUNT_OPEN, run=run)
    return count


def claim(tx: Transaction, review: ReviewId, version: int, by: str, until: float) -> bool:
    """Take a question for oneself for a while; whether the version was still the newest."""
    statement = (
        update(reviews)
        .where(reviews.c.id == review, reviews.c.version == version, reviews.c.state == "open")
        .values(claimed_by=by, claimed_until=until, version=version + 1)
    )
    return bool(tx.changed(statement))


def vote(tx: Transaction, run: RunId, version: int, decision: Decision) -> bool:
    """Count an approval of a review that needs more of them; whether its version was still the newest."""
    open_ = (reviews.c.id == decision.review, reviews.c.version == version, reviews.c.state == "open")
    if not tx.changed(update(reviews).where(*open_).values(version=version + 1, claimed_by=None, claimed_until=None)):
        return False
    _record(tx, run, decision)
    emit(tx, run, "review.approved", review=decision.review, decision=decision.kind, by=decision.by)
    return True


def close(tx: Transaction, run: RunId, version: int, decision: Decision) -> bool:
    """Close a review with a decision; whether its version was still the newest. The first answer wins."""
    statement = (
        update(reviews)
        .where(reviews.c.id == decision.review, reviews.c.version == version, reviews.c.state == "open")
        .values(state="closed", version=version + 1, decision=decision.id, claimed_by=None, claimed_until=None)
    )
    if not tx.changed(statement):
        return False
    _record(tx, run, decision)
    if decision.kind in (DecisionKind.EXPIRED, DecisionKind.WITHDRAWN):
        forecasts.unanswered(tx, decision.review, withdrawn=decision.kind is DecisionKind.WITHDRAWN)
    emit(tx, run, "review.closed", review=decision.review, decision=decision.kind, by=decision.by)
    return True


def _record(tx: Transaction, run: RunId, decision: Decision) -> None:
    tx.execute(
        insert(decisions).values(
            id=decision.id,
            review=decision.review,
            run=run,
            kind=decision.kind,
            by=decision.by,
            channel=decision.channel,
            note=bodies.store(tx, decision.note) if decision.note else None,
            arguments=dump(decision.arguments) if decision.arguments is not None else None,
            verdict=verdict_json(decision.verdict) if decision.verdict else None,
            digest=decision.digest,
            expires=decision.expires,
            at=decision.at,
        )
    )


def close_unanswered(tx: Transaction, review: Review, kind: DecisionKind, note: str) -> bool:
    """Close a review on the queue's own account, not a person's; whether it was still open."""
    decision = Decision(
        id=new_decision_id(), review=review.id, kind=kind, by="baton", channel="baton", note=note, at=tx.now
    )
    return close(tx, review.run, review.version, decision)


def new_decision_id() -> DecisionId:
    """An id for a decision about to be taken."""
    return DecisionId(random_id("dec"))


def _reviews(tx: Transaction, rows: Sequence[Any]) -> list[Review]:
    taken = _decisions(tx, [row.decision for row in rows if row.decision])
    texts = bodies.load(tx, [row.question for row in rows])
    verdicts = {row.id: verdict_from(row.verdict) for row in rows}
    voted = _votes(tx, [row.id for row in rows if row.state == "open" and verdicts[row.id].quorum > 1])
    return [
        Review(
            id=row.id,
            run=row.run,
            action=row.action,
            kind=ReviewKind(row.kind),
            state=row.state,
            version=row.version,
            agent=row.agent,
            tool=row.tool,
            question=json.loads(texts[row.question]),
            verdict=verdicts[row.id],
            reviewers=tuple(json.loads(row.reviewers)),
            requester=row.requester,
            opened_at=row.opened_at,
            deadline=row.deadline,
            on_deadline=row.on_deadline,
            claimed_by=row.claimed_by if row.claimed_until and row.claimed_until > tx.now else None,
            claimed_until=row.claimed_until,
            decision=taken.get(row.decision),
            due=row.due,
            cost=row.cost,
            skills=tuple(json.loads(row.skills)),
            votes=voted.get(row.id, ()),
        )
        for row in rows
    ]


def _votes(tx: Transaction, ids: Sequence[str]) -> dict[str, tuple[Decision, ...]]:
    """The approvals of open reviews, since somebody last changed what is approved."""
    found: dict[str, tuple[Decision, ...]] = {}
    query = select(decisions.c.id).where(decisions.c.review.in_(ids)).order_by(decisions.c.at, decisions.c.id)
    given = tx.values(query) if ids else []
    known = _decisions(tx, given)
    for id in given:
        one = known[id]
        before = () if one.kind is DecisionKind.EDIT else found.get(one.review, ())
        found[one.review] = (*before, one)
    return found


def _decisions(tx: Transaction, ids: Sequence[str]) -> dict[str, Decision]:
    rows = tx.rows(select(decisions).where(decisions.c.id.in_(ids))) if ids else []
    notes = bodies.load(tx, [row.note for row in rows])
    return {
        row.id: Decision(
            id=row.id,
            review=row.review,
            kind=DecisionKind(row.kind),
            by=row.by,
            channel=row.channel,
            note=notes[row.note] if row.note else "",
            arguments=json.loads(row.arguments) if row.arguments else None,
            verdict=verdict_from(row.verdict) if row.verdict else None,
            digest=row.digest,
            expires=row.expires,
            at=row.at,
        )
        for row in rows
    }
