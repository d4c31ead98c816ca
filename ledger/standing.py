"""How the work stands at a moment, in numbers: for measuring from outside, whichever process does the work."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, case, func, select

from baton.ledger import alerts, lives, workers
from baton.ledger.leases import is_ready
from baton.ledger.reviews import ReviewKind
from baton.ledger.schema import events, runs
from baton.ledger.schema_people import notices, reviews
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the work stands.

    Attributes:
        runs: Runs by status.
        open_reviews: Questions to people that are open.
        overdue_reviews: Of these, those that should have been answered.
        claimed_reviews: Of these, those that somebody has taken.
        dead: Runs in trouble by the class of their failure: they go on only when a person says so.
        notices: Notices by state, that are not sent: `waiting`, and `dead`, which were given up.
        oldest_ready: Seconds since anything has happened in the run that has been ready and untouched for longest; 0
            where none is ready.
        spent: By agent and by part, the seconds that its runs spent on it which ended in the last hour.
        ended: By agent, how many of these there were.
        wrong: Things that are found to be wrong now, by name.
        ready: Runs that have something to do and that nobody is at.
        workers: Of the workers that were heard of lately, how many runs each advances at once at most.
    """

    runs: Mapping[str, int]
    open_reviews: int
    overdue_reviews: int
    claimed_reviews: int
    dead: Mapping[str, int]
    notices: Mapping[str, int]
    oldest_ready: float
    spent: Mapping[str, Mapping[str, float]]
    ended: Mapping[str, int]
    wrong: Mapping[str, int]
    ready: int
    workers: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Present:
    """What is open, and nothing of what has ended: read by indexes of what is open, however much that is.

    Attributes:
        runs: Runs that have not ended, by status; the others are those of `Standing`.
    """

    runs: Mapping[str, int]
    open_reviews: int
    overdue_reviews: int
    dead: int
    dead_notices: int
    oldest_ready: float


def present(tx: Transaction) -> Present:
    """What is open now."""
    asked = tx.rows(_REVIEWS, now=tx.now)[0]
    since: float | None = tx.value(_READY_SINCE, now=tx.now)
    return Present(
        runs={row.status: row.count for row in tx.rows(_OPEN_RUNS)},
        open_reviews=asked.open,
        overdue_reviews=asked.overdue or 0,
        dead=sum(row.count for row in tx.rows(_DEAD)),
        dead_notices=sum(row.count for row in tx.rows(_NOTICES) if row.state == "dead"),
        oldest_ready=max(0.0, tx.now - since) if since is not None else 0.0,
    )


def standing(tx: Transaction) -> Standing:
    """How the work stands now."""
    asked = tx.rows(_REVIEWS, now=tx.now)[0]
    since: float | None = tx.value(_READY_SINCE, now=tx.now)
    lately = lives.sums(tx, tx.now - _LATELY)
    return Standing(
        runs={row.status: row.count for row in tx.rows(_RUNS)},
        open_reviews=asked.open,
        overdue_reviews=asked.overdue or 0,
        claimed_reviews=asked.claimed or 0,
        dead={row.fault or "lasting": row.count for row in tx.rows(_DEAD)},
        notices={row.state: row.count for row in tx.rows(_NOTICES)},
        oldest_ready=max(0.0, tx.now - since) if since is not None else 0.0,
        spent={agent: dict(zip(lives.PARTS, seconds, strict=True)) for agent, _, seconds in lately},
        ended={agent: many for agent, many, _ in lately},
        wrong=Counter(one.name for one in alerts.open_(tx)),
        ready=tx.value(_READY, now=tx.now),
        workers={one.name: one.concurrency for one in workers.heard(tx)},
    )


_LATELY = 3600.0
_READY = select(func.count()).select_from(runs).where(is_ready)
_RUNS = select(runs.c.status, func.count().label("count")).group_by(runs.c.status)
_OPEN_RUNS = select(runs.c.status, func.count().label("count")).where(runs.c.ended_at.is_(None)).group_by(runs.c.status)
_REVIEWS = select(
    func.count().label("open"),
    func.sum(case((reviews.c.due < bindparam("now"), 1), else_=0)).label("overdue"),
    func.sum(case((reviews.c.claimed_until > bindparam("now"), 1), else_=0)).label("claimed"),
).where(reviews.c.state == "open")
_DEAD = (
    select(runs.c.fault, func.count().label("count"))
    .join(reviews, reviews.c.run == runs.c.id)
    .where(reviews.c.state == "open", reviews.c.kind == ReviewKind.TROUBLE.value)
    .group_by(runs.c.fault)
)
_NOTICES = (
    select(notices.c.state, func.count().label("count"))
    .where(notices.c.state.in_(["waiting", "dead"]))
    .group_by(notices.c.state)
)
_TOUCHED = case((runs.c.not_before > events.c.at, runs.c.not_before), else_=events.c.at)
_READY_SINCE = (
    select(func.min(_TOUCHED))
    .select_from(runs)
    .join(events, and_(events.c.run == runs.c.id, events.c.seq == runs.c.events))
    .where(is_ready)
)
