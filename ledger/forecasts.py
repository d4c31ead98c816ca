"""When answers were expected and when they came, as rows: what later forecasts are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Double, bindparam, case, cast, func, insert, select, update

from baton.core import ReviewId
from baton.ledger.schema_people import forecasts, reviews
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """When a question is answered, as it looked when it was asked.

    Attributes:
        kind: Its class.
        at: When it was asked, in seconds since 1970.
        work: Seconds that it takes to answer, about.
        ahead: Seconds of people's time until it is answered, by what lay before it.
        half_by: Of such questions half are answered by then; None where too little is known.
        most_by: And nine in ten by then; None where too little is known, or more than one in ten is never answered.
    """

    review: ReviewId
    kind: str
    at: float
    work: float
    ahead: float
    half_by: float | None = None
    most_by: float | None = None


@dataclass(frozen=True, kw_only=True)
class Past:
    """How the newest forecasts of a class came out.

    Attributes:
        waited: For each that ended, the seconds of people's time that it took, and those that lay ahead; None in the
            place of the first where nobody answered.
        overdue: How many are open although nine in ten should have been answered before now.
        work: Seconds that it took to answer them once they were taken, the newest first.
    """

    waited: Sequence[tuple[float | None, float]]
    overdue: int
    work: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Open questions that are alike and due within a quarter of an hour of each other.

    Attributes:
        due: When they are due, on average.
        skills: As JSON.
        reviewers: As JSON.
        taken: Whether somebody is at each of them.
        work: Seconds that all of them take to answer, about.
    """

    due: float
    cost: float
    skills: str
    reviewers: str
    taken: bool
    work: float


def record(tx: Transaction, forecast: Forecast) -> None:
    """Keep a forecast."""
    row = {
        "review": forecast.review,
        "kind": forecast.kind,
        "at": forecast.at,
        "work": forecast.work,
        "ahead": forecast.ahead,
        "half_by": forecast.half_by,
        "most_by": forecast.most_by,
        "withdrawn": 0,
    }
    tx.execute(_RECORD, row)


def of(tx: Transaction, ids: Sequence[ReviewId]) -> dict[ReviewId, Forecast]:
    """The forecasts of some reviews, by id; those that were asked before there were any have none."""
    batches = (list(ids[start : start + 500]) for start in range(0, len(ids), 500))
    return {ReviewId(row.review): _forecast(row) for batch in batches for row in tx.rows(_OF, ids=batch)}


def past(tx: Transaction, kind: str, most: int) -> Past:
    """How the newest `most` forecasts of a class came out."""
    rows = tx.rows(_ENDED, kind=kind, most=most)
    late = tx.values(_OVERDUE, kind=kind, now=tx.now, most=most)
    took = [row.ended_at - row.taken_at for row in rows if row.taken_at is not None and row.waited is not None]
    return Past(waited=[(row.waited, row.ahead) for row in rows], overdue=len(late), work=took)


def waiting(tx: Transaction, but: ReviewId, most: int, work: float) -> list[Waiting]:
    """The first `most` of the open questions, by when they are due, but for one.

    Args:
        tx: The transaction.
        but: The one.
        most: How many are looked at.
        work: Seconds that a question takes to answer of which nobody knows.
    """
    return [
        Waiting(
            due=row.due,
            cost=row.cost,
            skills=row.skills,
            reviewers=row.reviewers,
            taken=bool(row.taken),
            work=row.work,
        )
        for row in tx.rows(_WAITING, but=but, now=tx.now, usual=work, most=most)
    ]


def taken(tx: Transaction, review: ReviewId) -> None:
    """Note that somebody has taken a question, from now on."""
    tx.changed(_TAKEN, of=review, now=tx.now)


def answered(tx: Transaction, review: ReviewId, waited: float) -> None:
    """Note that a person has answered a question after so many seconds of people's time."""
    tx.changed(_ANSWERED, of=review, now=tx.now, took=waited)


def unanswered(tx: Transaction, review: ReviewId, *, withdrawn: bool) -> None:
    """Note that a question ended without an answer: withdrawn, or nobody gave one in time."""
    tx.changed(_UNANSWERED, of=review, now=tx.now, gone=int(withdrawn))


_OPEN = (forecasts.c.review == bindparam("of"), forecasts.c.ended_at.is_(None))
_RECORD = insert(forecasts)
_OF = select(forecasts).where(forecasts.c.review.in_(bindparam("ids", expanding=True)))
_ENDED = (
    select(forecasts.c.waited, forecasts.c.ahead, forecasts.c.taken_at, forecasts.c.ended_at)
    .where(forecasts.c.kind == bindparam("kind"), forecasts.c.ended_at.is_not(None), forecasts.c.withdrawn == 0)
    .order_by(forecasts.c.ended_at.desc())
    .limit(bindparam("most"))
)
_OVERDUE = (
    select(forecasts.c.review)
    .where(
        forecasts.c.kind == bindparam("kind"),
        forecasts.c.ended_at.is_(None),
        forecasts.c.most_by < bindparam("now"),
    )
    .limit(bindparam("most"))
)
_TAKEN_NOW = case((reviews.c.claimed_until > bindparam("now"), 1), else_=0)
_FIRST = (
    select(
        reviews.c.due,
        reviews.c.cost,
        reviews.c.skills,
        reviews.c.reviewers,
        _TAKEN_NOW.label("taken"),
        func.coalesce(forecasts.c.work, bindparam("usual", type_=Double)).label("work"),
    )
    .outerjoin(forecasts, forecasts.c.review == reviews.c.id)
    .where(reviews.c.state == "open", reviews.c.id != bindparam("but"))
    .order_by(reviews.c.due)
    .limit(bindparam("most"))
    .subquery()
)
_ALIKE = (_FIRST.c.cost, _FIRST.c.skills, _FIRST.c.reviewers, _FIRST.c.taken)
_WAITING = select(*_ALIKE, func.avg(_FIRST.c.due).label("due"), func.sum(_FIRST.c.work).label("work")).group_by(
    *_ALIKE, cast(_FIRST.c.due / 900.0, BigInteger)
)
_TAKEN = update(forecasts).where(*_OPEN).values(taken_at=bindparam("now"))
_ANSWERED = update(forecasts).where(*_OPEN).values(ended_at=bindparam("now"), waited=bindparam("took"))
_UNANSWERED = update(forecasts).where(*_OPEN).values(ended_at=bindparam("now"), withdrawn=bindparam("gone"))


def _forecast(row: Any) -> Forecast:
    return Forecast(
        review=ReviewId(row.review),
        kind=row.kind,
        at=row.at,
        work=row.work,
        ahead=row.ahead,
        half_by=row.half_by,
        most_by=row.most_by,
    )
