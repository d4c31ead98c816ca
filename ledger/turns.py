"""The open questions that come into question next, found by indexes: nobody looks through all of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Executable, bindparam, func, or_, select

from baton.core import ReviewId
from baton.ledger.schema_people import decisions, reviews, snoozes
from baton.ledger.transaction import Transaction

_LOOKS = (10, 2000)
LATELY = 8 * 3600.0
"""Seconds in which it is counted how many questions of each tenant were decided."""

_COSTS = 50
"""Different costs that are looked at, the highest first."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An open question that nobody else has.

    Attributes:
        due: When it should be answered, in seconds since 1970.
        cost: What being late costs, beside others.
        skills: What somebody has to know.
        reviewers: Roles or names that may decide; empty is anybody.
        agent: Who asks.
        assigned: The person or role that it was delegated to; None where anybody may take it.
        served: How many questions of its tenant people have decided lately; 0 where there is one tenant alone.
    """

    id: ReviewId
    version: int
    due: float
    cost: float
    skills: frozenset[str]
    reviewers: tuple[str, ...]
    agent: str
    assigned: str | None
    served: int


def candidates(
    tx: Transaction, by: str, fits: Callable[[Candidate], bool], *, in_time: float, soon: float
) -> list[Candidate]:
    """The first of each tenant that fit of what is late, of what is due soon at each cost, and of what is due later.

    Args:
        tx: The transaction.
        by: Who asks; what others have claimed and what this person has put off is left out.
        fits: Whether somebody can answer a question.
        in_time: Seconds from now in which what is due cannot be answered in time any more.
        soon: Seconds from now in which what is due is due soon.
    """
    if tx.connection.dialect.name == "postgresql":
        tx.rows(_BY_INDEX, name="enable_bitmapscan")  # else it may read all that is open, where statistics are missing
    asleep = set(tx.values(_ASLEEP, by=by, now=tx.now))

    def awake(one: Candidate) -> bool:
        return one.id not in asleep and fits(one)

    tenants = _tenants(tx)
    served = {row.tenant: row.served for row in tx.rows(_SERVED, since=tx.now - LATELY)} if len(tenants) > 1 else {}
    found: list[Candidate] = []
    for tenant in tenants:
        common = {"by": by, "now": tx.now, "tenant": tenant}
        first = _first_of_each(tx, awake, common, tx.now + in_time, tx.now + soon)
        found += [replace(one, served=served.get(tenant, 0)) for one in first]
    return found


def _tenants(tx: Transaction) -> list[str]:
    """Who has open questions, of those that are seen."""
    if tx.tenant is not None:
        return [tx.tenant]
    found: list[str] = []
    while (after := tx.value(_NEXT_TENANT, after=found[-1] if found else "")) is not None:
        found.append(after)
    return found


def _first_of_each(
    tx: Transaction, fits: Callable[[Candidate], bool], common: dict[str, Any], start: float, end: float
) -> list[Candidate]:
    found = _fitting(tx, fits, _LATE, until=start, **common) + _fitting(tx, fits, _LATER, since=end, **common)
    cost = tx.value(_HIGHEST, below=float("1e300"))
    for _ in range(_COSTS):
        if cost is None:
            break
        found += _fitting(tx, fits, _SOON, cost=cost, since=start, until=end, **common)
        cost = tx.value(_HIGHEST, below=cost)
    return found


def _fitting(tx: Transaction, fits: Callable[[Candidate], bool], query: Executable, **values: Any) -> list[Candidate]:
    """The first that fit; a few are looked at, and many where none of those fits."""
    found: list[Candidate] = []
    for most in _LOOKS:
        rows = tx.rows(query, most=most, **values)
        found = [one for one in map(_candidate, rows) if fits(one)]
        if found or len(rows) < most:
            break
    return found


def _free() -> tuple[ColumnElement[bool], ...]:
    others = or_(
        reviews.c.claimed_by.is_(None),
        reviews.c.claimed_by == bindparam("by"),
        reviews.c.claimed_until <= bindparam("now"),
    )
    return reviews.c.state == "open", reviews.c.tenant == bindparam("tenant"), reviews.c.decision.is_(None), others


def _first(*conditions: ColumnElement[bool]) -> Any:
    names = ("id", "version", "due", "cost", "skills", "reviewers", "agent", "assigned")
    return (
        select(*(reviews.c[name] for name in names))
        .where(*_free(), *conditions)
        .order_by(reviews.c.due)
        .limit(bindparam("most"))
    )


_BY_INDEX = select(func.set_config(bindparam("name"), "off", True))
_ASLEEP = select(snoozes.c.review).where(snoozes.c.by == bindparam("by"), snoozes.c.until > bindparam("now"))
_LATE = _first(reviews.c.due <= bindparam("until"))
_LATER = _first(reviews.c.due > bindparam("since"))
_SOON = _first(
    reviews.c.cost == bindparam("cost"), reviews.c.due > bindparam("since"), reviews.c.due <= bindparam("until")
)
_NEXT_TENANT = select(func.min(reviews.c.tenant)).where(
    reviews.c.state == "open", reviews.c.tenant > bindparam("after")
)
_SERVED = (
    select(reviews.c.tenant, func.count().label("served"))
    .join(decisions, decisions.c.review == reviews.c.id)
    .where(decisions.c.at > bindparam("since"), decisions.c.source == "person")
    .group_by(reviews.c.tenant)
)
_HIGHEST = select(func.max(reviews.c.cost)).where(reviews.c.state == "open", reviews.c.cost < bindparam("below"))


def _candidate(row: Any) -> Candidate:
    return Candidate(
        id=row.id,
        version=row.version,
        due=row.due,
        cost=row.cost,
        skills=frozenset(json.loads(row.skills)),
        reviewers=tuple(json.loads(row.reviewers)),
        agent=row.agent,
        assigned=row.assigned,
        served=0,
    )
