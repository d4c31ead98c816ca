"""Reviews as rows: opened, claimed, decided and closed by compare-and-set on a version."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, insert, or_, select, update

from baton.core import ActionId, Ambiguous, NotFound, ReviewId, RunId, Verdict, dump
from baton.ledger import bodies, decisions, families, forecasts, handoffs, reservations
from baton.ledger.decisions import Decision, DecisionKind, Source
from baton.ledger.events import emit
from baton.ledger.journal import verdict_from, verdict_json
from baton.ledger.runs import lock as hold_run
from baton.ledger.schema import runs
from baton.ledger.schema_people import decisions as decision_rows
from baton.ledger.schema_people import reviews
from baton.ledger.transaction import Transaction

PATIENCE = 72 * 3600.0
"""Seconds in which a question should be answered that has no deadline, nor anything that waits for it."""


class ReviewKind(StrEnum):
    """What people are asked."""

    ACTION = "action"  # may this happen?
    QUESTION = "question"  # what is the answer?
    DOUBT = "doubt"  # did this happen?
    TROUBLE = "trouble"  # the agent cannot go on: what now?


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
        on_deadline: `park` keeps it open and says it is late, `escalate` asks others as well before, `deny` rejects
            and `approve` approves it.
        decision: How it was closed; None while it is open.
        held: What has been decided, and can be undone until `held_until`; None where nothing is held back.
        assigned: To whom it was delegated; None where anybody may take it.
        escalated_at: When others were asked as well; None if nobody was.
        due: When it should be answered, in seconds since 1970: its deadline or an earlier one of what waits for it.
        cost: What being late costs, beside others.
        skills: What somebody has to know to answer.
        tenant: Whose run asks.
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
    assigned: str | None = None
    escalated_at: float | None = None
    held: Decision | None = None
    held_until: float | None = None
    tenant: str = "local"
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
    tenant: str = "local",
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
                "tenant": tenant,
            }
        )
    )
    whom: dict[str, Any] = {"reviewers": list(verdict.reviewers)} if verdict.reviewers else {}
    whom |= {"skills": list(verdict.skills)} if verdict.skills else {}
    emit(tx, run, "review.opened", review=id, asks=kind, action=action, tool=tool, about=verdict.kind, **whom)
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
    found = if_put(tx, review)
    if found is None:
        raise NotFound("review", review, hint="`baton review` lists what waits.")
    return found


def if_put(tx: Transaction, review: ReviewId) -> Review | None:
    """The review with this id; None where its action still waits for what is reserved before people are asked."""
    rows = tx.rows(_seen(tx, select(reviews).where(reviews.c.id == review)))
    return _reviews(tx, rows)[0] if rows else None


def open_about(tx: Transaction, actions: Sequence[ActionId]) -> list[Review]:
    """The open questions about these actions."""
    return _reviews(tx, tx.rows(_seen(tx, _OPEN_ABOUT), actions=list(actions))) if actions else []


def lock(tx: Transaction, review: ReviewId) -> None:
    """Hold a review and its run until the transaction ends: nobody takes or changes it, nor does the run end.

    The run comes first, as wherever both are held: so nobody waits for one while he holds the other.
    """
    run = tx.value(_RUN, review=review)
    if run is not None:
        hold_run(tx, run)
    tx.value(_LOCK, review=review)


def find(tx: Transaction, prefix: str) -> ReviewId:
    """The review whose id starts with `prefix`, with or without `rev_`.

    Raises:
        NotFound, Ambiguous: if there is none, or several.
    """
    start = prefix if prefix.startswith("rev_") else f"rev_{prefix}"
    if (whose := tx.value(_WHOSE, review=start)) is not None and tx.sees(whose):
        return ReviewId(start)  # the usual case, without looking through all
    fits = tx.values(_seen(tx, select(reviews.c.id).where(reviews.c.id.startswith(start, autoescape=True)).limit(5)))
    if not fits:
        raise NotFound("review", prefix, hint="`baton review` lists what waits.")
    if len(fits) > 1:
        raise Ambiguous("review", prefix, fits)
    return ReviewId(fits[0])


def waiting(tx: Transaction, *, runs: Sequence[RunId] | None = None, limit: int | None = None) -> list[Review]:
    """Open reviews: due ones first, the earliest deadline first, then the oldest."""
    if runs is None:
        return _reviews(tx, tx.rows(_seen(tx, _WAITING), most=limit if limit is not None else _ALL))
    if len(runs) == 1:
        return _reviews(tx, tx.rows(_WAITING_IN_RUN, run=runs[0]))[:limit]
    return _reviews(tx, tx.rows(_WAITING_IN_RUNS, runs=runs))[:limit]


def waiting_below(tx: Transaction, run: RunId) -> list[Review]:
    """Open reviews of a run and of all that it handed work to, in the same order."""
    return _reviews(tx, tx.rows(_WAITING_BELOW, run=run))


_ALL = 2**31 - 1
_OPEN_ABOUT = select(reviews).where(
    reviews.c.state == "open", reviews.c.action.in_(bindparam("actions", expanding=True))
)
_ORDERED = (
    select(reviews)
    .where(reviews.c.state == "open")
    .order_by(
        func.coalesce(reviews.c.deadline, 1e18),
        reviews.c.opened_at,
        func.coalesce(reviews.c.action, ""),  # what was asked in one step, in the order of its actions
        reviews.c.id,
    )
)
_WAITING = _ORDERED.limit(bindparam("most"))
_WAITING_IN_RUN = _ORDERED.where(reviews.c.run == bindparam("run"))
_WAITING_BELOW = _ORDERED.where(reviews.c.run.in_(families.below()))
_WAITING_IN_RUNS = _ORDERED.where(reviews.c.run.in_(bindparam("runs", expanding=True)))


def listed(
    tx: Transaction,
    *,
    state: str | None = "open",
    run: RunId | None = None,
    agent: str | None = None,
    kind: str | None = None,
    tool: str | None = None,
    assigned: str | None = None,
    claimed_by: str | None = None,
    limit: int = 100,
    after: ReviewId | None = None,
) -> list[Review]:
    """Reviews by when they are due, filtered; None is no filter, but of `after`, the last one of the page before."""
    columns = {reviews.c.state: state, reviews.c.run: run, reviews.c.agent: agent, reviews.c.kind: kind}
    columns |= {reviews.c.tool: tool, reviews.c.assigned: assigned, reviews.c.claimed_by: claimed_by}
    query = select(reviews).where(*(column == value for column, value in columns.items() if value is not None))
    if claimed_by is not None:
        query = query.where(reviews.c.claimed_until > tx.now)
    if after is not None:
        due = get(tx, after).due
        query = query.where(or_(reviews.c.due > due, and_(reviews.c.due == due, reviews.c.id > after)))
    return _reviews(tx, tx.rows(_seen(tx, query.order_by(reviews.c.due, reviews.c.id).limit(limit))))


def decided(tx: Transaction, limit: int, before: ReviewId | None = None) -> list[Review]:
    """Closed reviews, the newest decision first; `before` is the last one of the page before."""
    query = _DECIDED.limit(limit)
    if before is not None:
        last = get(tx, before)
        at = last.decision.at if last.decision is not None else tx.now
        later = or_(decision_rows.c.at < at, and_(decision_rows.c.at == at, reviews.c.id < last.id))
        query = query.where(later)
    return _reviews(tx, tx.rows(_seen(tx, query)))


def count_waiting(tx: Transaction) -> int:
    """How many reviews are open."""
    return int(tx.value(_seen(tx, _COUNT_WAITING)))


def of_tool(tx: Transaction, tool: str, limit: int) -> list[Review]:
    """Open reviews about calls of a tool, oldest first."""
    return _reviews(tx, tx.rows(_seen(tx, _OF_TOOL), tool=tool, most=limit))


def of_run(tx: Transaction, run: RunId) -> list[Review]:
    """All reviews of a run, oldest first."""
    return _reviews(tx, tx.rows(_OF_RUN, run=run))


_GOAL = select(runs.c.deadline, runs.c.parent).where(runs.c.id == bindparam("run"))
_WHOSE = select(reviews.c.tenant).where(reviews.c.id == bindparam("review"))
_RUN = select(reviews.c.run).where(reviews.c.id == bindparam("review"))
_ACTION = select(reviews.c.action).where(reviews.c.id == bindparam("review"))
_LOCK = select(reviews.c.id).where(reviews.c.id == bindparam("review")).with_for_update()
_OF_TOOL = (
    select(reviews)
    .where(reviews.c.state == "open", reviews.c.tool == bindparam("tool"))
    .order_by(reviews.c.opened_at)
    .limit(bindparam("most"))
)
_OF_RUN = select(reviews).where(reviews.c.run == bindparam("run")).order_by(reviews.c.opened_at)
_HELD_BY = select(reviews.c.run, reviews.c.tool, reviews.c.claimed_by, reviews.c.claimed_until).where(
    reviews.c.id == bindparam("review")
)
_CLOSED_SINCE = (
    select(reviews)
    .join(decision_rows, decision_rows.c.id == reviews.c.decision)
    .where(reviews.c.state == "closed", decision_rows.c.at >= bindparam("since"))
    .order_by(decision_rows.c.at, reviews.c.id)
)
_DECIDED = (
    select(reviews)
    .join(decision_rows, decision_rows.c.id == reviews.c.decision)
    .where(reviews.c.state == "closed")
    .order_by(decision_rows.c.at.desc(), reviews.c.id.desc())
)
_COUNT_WAITING = select(func.count()).where(reviews.c.state == "open")
_COUNT_OPEN = select(func.count()).where(reviews.c.run == bindparam("run"), reviews.c.state == "open")


def _seen(tx: Transaction, query: Select[Any]) -> Select[Any]:
    """A query on reviews, for what the transaction sees of them."""
    return query if tx.tenant is None else query.where(reviews.c.tenant == tx.tenant)


def closed(tx: Transaction, since: float) -> list[Review]:
    """Reviews that were closed since a time, in the order in which they were."""
    rows = tx.rows(_seen(tx, _CLOSED_SINCE), since=since)
    return [review for start in range(0, len(rows), 500) for review in _reviews(tx, rows[start : start + 500])]


def count_open(tx: Transaction, run: RunId) -> int:
    """How many questions of a run are open."""
    count: int = tx.value(_COUNT_OPEN, run=run)
    return count


def claim(tx: Transaction, review: ReviewId, version: int, by: str, until: float) -> bool:
    """Take a question for oneself for a while; whether the version was still the newest."""
    before = tx.row(_HELD_BY, review=review)
    hold_run(tx, before.run)  # before the review's row, as whoever decides does
    if not _changed(tx, review, version, claimed_by=by, claimed_until=until):
        return False
    renewed = before.claimed_by == by and before.claimed_until > tx.now
    handoff = handoffs.of_review(tx, review) if before.tool == "hand_off" else None
    if handoff is not None:
        handoffs.take(tx, handoff, by)
    emit(tx, before.run, "review.claimed", review=review, by=by, until=until, renewed=renewed)
    return True


def release(tx: Transaction, review: ReviewId, version: int) -> bool:
    """Give a claimed question back; whether the version was still the newest."""
    return _changed(tx, review, version)


def assign(tx: Transaction, review: ReviewId, version: int, to: str | None) -> bool:
    """Delegate a question to a person, or to a role; None to anybody. Whether the version was still the newest."""
    return _changed(tx, review, version, assigned=to)


def escalate(tx: Transaction, review: Review, to: Sequence[str]) -> bool:
    """Ask others as well, once; whoever looks at it already goes on. Whether it was open, and not done before."""
    among = dump(list(dict.fromkeys((*review.reviewers, *to)))) if review.reviewers else "[]"
    open_ = (reviews.c.id == review.id, reviews.c.state == "open", reviews.c.escalated_at.is_(None))
    values = {"reviewers": among, "assigned": None, "escalated_at": tx.now}
    return bool(tx.changed(update(reviews).where(*open_).values(values)))


def hold(tx: Transaction, run: RunId, version: int, decision: Decision, until: float) -> bool:
    """Record a decision that can be undone until then; whether its version was still the newest."""
    if not _changed(tx, decision.review, version, decision=decision.id, held_until=until):
        return False
    decisions.record(tx, run, decision)
    emit(tx, run, "review.held", review=decision.review, decision=decision.kind, by=decision.by, until=until)
    return True


def undo(tx: Transaction, review: Review, decision: Decision) -> bool:
    """Take back a decision that is held, or an approval that waits for others; whether nothing had changed."""
    if not _changed(tx, review.id, review.version, decision=None, held_until=None):
        return False
    decisions.undo(tx, decision.id)
    emit(tx, review.run, "review.undone", review=review.id, decision=decision.kind, by=decision.by)
    return True


def vote(tx: Transaction, run: RunId, version: int, decision: Decision) -> bool:
    """Count an approval of a review that needs more of them; whether its version was still the newest."""
    if not _changed(tx, decision.review, version, assigned=None):
        return False
    decisions.record(tx, run, decision)
    emit(tx, run, "review.approved", review=decision.review, decision=decision.kind, by=decision.by)
    return True


def close(tx: Transaction, run: RunId, version: int, decision: Decision, *, keep: bool = False) -> bool:
    """Close a review with a decision; whether its version was still the newest. The first answer wins.

    What was reserved for it is given back where its action is not to be carried out; `keep` keeps it all the same, as
    another question takes its place.
    """
    if not _changed(tx, decision.review, version, state="closed", decision=decision.id, held_until=None):
        return False
    decisions.record(tx, run, decision)
    if decision.source is not Source.PERSON:
        forecasts.unanswered(tx, decision.review, withdrawn=decision.kind is DecisionKind.WITHDRAWN)
    _closed(tx, run, decision, keep=keep)
    return True


def send(tx: Transaction, review: Review) -> Decision | None:
    """Close a review with the decision that was held; None where it was undone, or sent already."""
    decision = review.held
    if decision is None or not _changed(tx, review.id, review.version, state="closed", held_until=None):
        return None
    _closed(tx, review.run, decision, keep=False)
    return decision


def _closed(tx: Transaction, run: RunId, decision: Decision, *, keep: bool) -> None:
    emit(tx, run, "review.closed", review=decision.review, decision=decision.kind, by=decision.by)
    action = tx.value(_ACTION, review=decision.review) if decision.kind in _ENDS_IT and not keep else None
    if action is not None:
        reservations.let_go(tx, run, ActionId(action))


_ENDS_IT = (DecisionKind.REJECT, DecisionKind.EXPIRED, DecisionKind.WITHDRAWN)


def _changed(tx: Transaction, review: ReviewId, version: int, **values: Any) -> bool:
    """Change an open review, and give it free; whether its version was still the newest."""
    free = {"claimed_by": None, "claimed_until": None, "version": version + 1}
    statement = (
        update(reviews)
        .where(reviews.c.id == review, reviews.c.version == version, reviews.c.state == "open")
        .values(free | values)
    )
    return bool(tx.changed(statement))


def close_unanswered(tx: Transaction, review: Review, kind: DecisionKind, note: str, *, keep: bool = False) -> bool:
    """Close a review on the queue's own account, not a person's; whether it was still open. `keep` as for `close`."""
    source = Source.TIMEOUT if kind is DecisionKind.EXPIRED else Source.POLICY
    decision = Decision(
        id=decisions.new_id(),
        review=review.id,
        kind=kind,
        by="baton",
        source=source,
        channel="baton",
        note=note,
        at=tx.now,
    )
    if review.held is not None:
        decisions.undo(tx, review.held.id)
    return close(tx, review.run, review.version, decision, keep=keep)


def _reviews(tx: Transaction, rows: Sequence[Any]) -> list[Review]:
    if not rows:
        return []  # the usual case: most runs ask nobody
    taken = decisions.read(tx, [row.decision for row in rows if row.decision])
    texts = bodies.load(tx, [row.question for row in rows])
    verdicts = {row.id: verdict_from(row.verdict) for row in rows}
    voted = decisions.votes(tx, [row.id for row in rows if row.state == "open" and verdicts[row.id].quorum > 1])
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
            decision=taken.get(row.decision) if row.state == "closed" else None,
            due=row.due,
            cost=row.cost,
            skills=tuple(json.loads(row.skills)),
            assigned=row.assigned,
            escalated_at=row.escalated_at,
            held=taken.get(row.decision) if row.state == "open" else None,
            held_until=row.held_until,
            tenant=row.tenant,
            votes=voted.get(row.id, ()),
        )
        for row in rows
    ]
