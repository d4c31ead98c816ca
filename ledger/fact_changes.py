"""What changed among the facts, in order: what the indexes follow, each from the place that it has come to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, func, select, tuple_

from baton.core import FactId
from baton.ledger.fact_rows import Fact, fact_of
from baton.ledger.schema import OldestTransaction, migrations
from baton.ledger.schema_memory import fact_changes, facts
from baton.ledger.transaction import Transaction

Mark = tuple[int, int]
"""A place among the changes; rises in the order in which they are told."""

AROUND = 2
"""Episodes on either side that are told with one."""


@dataclass(frozen=True)
class Standing:
    """A believed fact, and the texts in its thread: beside it, next but one, and the one just before."""

    fact: Fact
    beside: tuple[str, ...] = ()
    farther: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True)
class Step:
    """What changed from one mark to the next; facts that changed twice are told once, as they are now.

    Attributes:
        until: The mark to go on from.
        standing: Facts that are believed, with those whose surroundings changed.
        gone: Facts that are not, or are no more.
    """

    until: Mark
    standing: Sequence[Standing]
    gone: Sequence[FactId]


def after(tx: Transaction, mark: Mark, limit: int) -> Step:
    """The changes behind a mark, at most `limit`."""
    if tx.connection.dialect.name == "sqlite":
        rows = tx.rows(_BEHIND_IN_FILE, id=mark[1], most=limit)
    else:
        rows = tx.rows(_BEHIND, xact=mark[0], id=mark[1], most=limit)
    if not rows:
        return Step(mark, (), ())
    changed = list(dict.fromkeys(FactId(row.fact) for row in rows))
    known = {fact.id: fact for fact in _loaded(tx, changed)}
    standing = {id: fact for id, fact in known.items() if _stands(fact)}
    threads = _threads(tx, known.values())
    for key, thread in threads.items():
        places = [one.position or 0 for one in known.values() if (one.tenant, one.thread) == key]
        standing |= {o.id: o for o in thread if any(abs((o.position or 0) - place) <= AROUND for place in places)}
    return Step(
        (rows[-1].xact, rows[-1].id), _told(standing.values(), threads), [i for i in changed if i not in standing]
    )


def page(tx: Transaction, behind: str, limit: int) -> list[Standing]:
    """The next believed facts in order of id, at most `limit`, for whoever begins anew."""
    found = [fact_of(row) for row in tx.rows(_PAGE, behind=behind, most=limit)]
    return _told(found, _threads(tx, found))


def origin(tx: Transaction) -> int:
    """What tells this record from another in its place: when its tables were made, in milliseconds since 1970."""
    return int(1000 * (tx.value(_ORIGIN) or 0.0))


def last(tx: Transaction) -> Mark:
    """Where the changes end now; (0, 0) if there is none."""
    row = tx.row(_LAST)
    return (row.xact, row.id) if row else (0, 0)


def _loaded(tx: Transaction, ids: Sequence[FactId]) -> list[Fact]:
    parts = [list(ids[start : start + 500]) for start in range(0, len(ids), 500)]
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


_ORDER = tuple_(fact_changes.c.xact, fact_changes.c.id)
_FINISHED = fact_changes.c.xact < OldestTransaction()
_BEHIND = (
    select(fact_changes)
    .where(_ORDER > tuple_(bindparam("xact", type_=BigInteger), bindparam("id", type_=BigInteger)), _FINISHED)
    .order_by(fact_changes.c.xact, fact_changes.c.id)
    .limit(bindparam("most"))
)
# One writes at a time, in order of id; and SQLite would read all changes to compare the pair.
_BEHIND_IN_FILE = (
    select(fact_changes).where(fact_changes.c.id > bindparam("id")).order_by(fact_changes.c.id).limit(bindparam("most"))
)
_LAST = (
    select(fact_changes.c.xact, fact_changes.c.id)
    .where(_FINISHED)
    .order_by(fact_changes.c.xact.desc(), fact_changes.c.id.desc())
    .limit(1)
)
_BY_ID = select(facts).where(facts.c.id.in_(bindparam("ids", expanding=True)))
_STANDS = (facts.c.retired_at.is_(None), facts.c.quarantined_at.is_(None))
_PAGE = select(facts).where(facts.c.id > bindparam("behind"), *_STANDS).order_by(facts.c.id).limit(bindparam("most"))
_ORIGIN = select(func.min(migrations.c.applied_at))
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
