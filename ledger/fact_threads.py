"""Facts among those that stand around them: what an index has of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select, text

from baton.core import FactId
from baton.ledger.fact_values import Fact, fact_of
from baton.ledger.locks import lock_name
from baton.ledger.schema_memory import facts
from baton.ledger.transaction import Transaction

AROUND = 2
"""Episodes on either side that are told with one."""


@dataclass(frozen=True)
class Standing:
    """A believed fact, and the texts in its thread: beside it, next but one, and the one just before."""

    fact: Fact
    beside: tuple[str, ...] = ()
    farther: tuple[str, ...] = ()
    before: str = ""


def around(tx: Transaction, ids: Sequence[FactId]) -> tuple[list[Standing], list[FactId]]:
    """What stands where these facts changed: those that are believed, with those whose surroundings they are.

    Returns:
        What stands, and those of the facts that are not believed, or are no more.
    """
    known = {fact.id: fact for fact in _loaded(tx, ids)}
    standing = {id: fact for id, fact in known.items() if _stands(fact)}
    threads = _threads(tx, known.values())
    for key, thread in threads.items():
        places = [one.position or 0 for one in known.values() if (one.tenant, one.thread) == key]
        standing |= {o.id: o for o in thread if any(abs((o.position or 0) - place) <= AROUND for place in places)}
    return _told(standing.values(), threads), [id for id in ids if id not in standing]


def page(tx: Transaction, behind: str, limit: int) -> list[Standing]:
    """The next believed facts in order of id, at most `limit`, for whoever begins anew."""
    found = [fact_of(row) for row in tx.rows(_PAGE, behind=behind, most=limit)]
    return _told(found, _threads(tx, found))


def lock_thread(tx: Transaction, tenant: str, thread: str) -> None:
    """Hold a thread until the transaction ends, so that nobody else changes who stands beside whom."""
    lock_name(tx, f"thread {tenant} {thread}")


def lock_threads(tx: Transaction, ids: Sequence[FactId]) -> None:
    """Hold the threads of these facts."""
    parts = [list(ids[start : start + _PART]) for start in range(0, len(ids), _PART)]
    found = {(row.tenant, row.thread) for part in parts for row in tx.rows(_THREADS_OF, ids=part)}
    if len(found) > _MANY and tx.connection.dialect.name == "postgresql":
        tx.execute(_LOCK_ALL)
        return
    for tenant, thread in sorted(found):
        lock_thread(tx, tenant, thread)


def _loaded(tx: Transaction, ids: Sequence[FactId]) -> list[Fact]:
    parts = [list(ids[start : start + _PART]) for start in range(0, len(ids), _PART)]
    return [fact_of(row) for part in parts for row in tx.rows(_BY_ID, ids=part)]


def _stands(fact: Fact) -> bool:
    return fact.retired_at is None and fact.quarantined_at is None


def _threads(tx: Transaction, changed: Iterable[Fact]) -> dict[tuple[str, str | None], list[Fact]]:
    """For each thread that changed, its believed episodes around the changes, in order."""
    spans: dict[tuple[str, str | None], tuple[int, int]] = {}
    for fact in changed:
        if fact.thread is not None and fact.position is not None:
            low, high = spans.get((fact.tenant, fact.thread), (fact.position, fact.position))
            spans[fact.tenant, fact.thread] = (min(low, fact.position), max(high, fact.position))
    return {
        key: [
            fact_of(row)
            for row in tx.rows(_AROUND, tenant=key[0], thread=key[1], low=low - 2 * AROUND, high=high + 2 * AROUND)
        ]
        for key, (low, high) in spans.items()
    }


def _told(found: Iterable[Fact], threads: Mapping[tuple[str, str | None], Sequence[Fact]]) -> list[Standing]:
    return [_standing(fact, threads.get((fact.tenant, fact.thread), ())) for fact in found]


def _standing(fact: Fact, thread: Sequence[Fact]) -> Standing:
    at = fact.position
    if at is None:
        return Standing(fact)
    by_distance = {
        distance: tuple(one.text for one in thread if abs((one.position or 0) - at) == distance)
        for distance in range(1, AROUND + 1)
    }
    before = next((one.text for one in thread if one.position == at - 1), "")
    return Standing(fact, by_distance[1], by_distance[2], before)


_PART = 500
_MANY = 1000
"""Threads from which all facts are held instead: a server has room for some thousands of locks."""

_LOCK_ALL = text("LOCK TABLE facts IN SHARE ROW EXCLUSIVE MODE")
_BY_ID = select(facts).where(facts.c.id.in_(bindparam("ids", expanding=True)))
_THREADS_OF = (
    select(facts.c.tenant, facts.c.thread)
    .where(facts.c.id.in_(bindparam("ids", expanding=True)), facts.c.thread.is_not(None))
    .distinct()
)
_STANDS = (facts.c.retired_at.is_(None), facts.c.quarantined_at.is_(None))
_PAGE = select(facts).where(facts.c.id > bindparam("behind"), *_STANDS).order_by(facts.c.id).limit(bindparam("most"))
_AROUND = (
    select(facts)
    .where(
        facts.c.tenant == bindparam("tenant"),
        facts.c.thread == bindparam("thread"),
        facts.c.position.between(bindparam("low"), bindparam("high")),
        *_STANDS,
    )
    .order_by(facts.c.position)
)
