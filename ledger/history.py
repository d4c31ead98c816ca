"""What happened, told in bulk and in order: for whoever folds a long time into figures."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Double, bindparam, case, func, null, select, tuple_

from baton.ledger.events import Mark
from baton.ledger.schema import Behind, Finished, InOrder, events, runs
from baton.ledger.transaction import Transaction

OVERLAP = 60.0
"""Seconds by which transactions may overlap: an event may have an earlier place than one that is so much older."""

_SILENT = ("action.judged", "review.expected", "fact.recorded", "plan.made", "call.observed")
"""Events that say nothing of where time goes: another comes in the same breath."""

_SPEAKING = ("review.", "effect.", "run.submitted", "run.troubled", "run.ended", "model.answered", "breaker.")
"""Events of which more is worth knowing than that they happened."""

Row = tuple[int, int, str, str, str | None, float]
"""The transaction, the id, the run, the kind, the data as JSON where it is worth knowing, and the time."""

Rows = Sequence[Row]


@dataclass(frozen=True)
class Origin:
    """Where a run comes from."""

    tenant: str
    requester: str | None


def since(tx: Transaction, after: Mark, most: int) -> Rows:
    """Events of all runs behind a mark, in the order in which they are told; none of an unfinished transaction."""
    tx.flush()
    return tx.tuples(_SINCE, xact=after[0], id=after[1], most=most)


def of_runs(tx: Transaction, ids: Collection[str], until: Mark) -> Rows:
    """The events of some runs up to and with a mark, in order."""
    tx.flush()
    ordered, found = sorted(ids), list[Row]()
    for start in range(0, len(ordered), 500):
        some = ordered[start : start + 500]
        found += tx.tuples(_OF_RUNS, runs=some, xact=until[0], id=until[1])
    return found


def mark_before(tx: Transaction, at: float) -> Mark:
    """A mark behind which all events of a time and later lie, and few earlier ones; found by halving."""
    bounds = tx.row(_BOUNDS)
    if bounds is None or bounds.low is None:
        return (0, 0)
    low, high = bounds.low, bounds.high
    place: Mark = (0, 0)
    while low <= high:
        middle = (low + high) // 2
        row = tx.row(_FROM, id=middle)
        if row is not None and row.at < at - OVERLAP:
            place, low = (row.xact, row.id), row.id + 1
        else:
            high = middle - 1
    return place


def origins(tx: Transaction, ids: Collection[str]) -> dict[str, Origin]:
    """Whose some runs are."""
    ordered, found = sorted(ids), dict[str, Origin]()
    for start in range(0, len(ordered), 500):
        rows = tx.tuples(_ORIGINS, runs=ordered[start : start + 500])
        found.update((id, Origin(tenant, requester)) for id, tenant, requester in rows)
    return found


def open_before(tx: Transaction, at: float) -> list[str]:
    """Runs that were submitted before a time and had not ended then."""
    return tx.values(_OPEN_BEFORE, at=at)


_PREFIXES = [events.c.kind.startswith(kind) if kind.endswith(".") else events.c.kind == kind for kind in _SPEAKING]
_DATA: Any = case(*((prefix, events.c.data) for prefix in _PREFIXES), else_=null()).label("data")
_COLUMNS = (events.c.xact, events.c.id, events.c.run, events.c.kind, _DATA, events.c.at)
_ORDER = tuple_(events.c.xact, events.c.id)
_MARK = tuple_(bindparam("xact", type_=BigInteger), bindparam("id", type_=BigInteger))
_SINCE = (
    select(*_COLUMNS)
    .where(
        Behind(bindparam("xact", type_=BigInteger), bindparam("id", type_=BigInteger)),
        Finished(),
        events.c.kind.not_in(_SILENT),
    )
    .order_by(InOrder())
    .limit(bindparam("most"))
)
_OF_RUNS = (
    select(*_COLUMNS)
    .where(events.c.run.in_(bindparam("runs", expanding=True)), _ORDER <= _MARK, events.c.kind.not_in(_SILENT))
    .order_by(events.c.xact, events.c.id)
)
_BOUNDS = select(func.min(events.c.id).label("low"), func.max(events.c.id).label("high"))
_FROM = (
    select(events.c.xact, events.c.id, events.c.at).where(events.c.id >= bindparam("id")).order_by(events.c.id).limit(1)
)
_ORIGINS = select(runs.c.id, runs.c.tenant, runs.c.requester).where(runs.c.id.in_(bindparam("runs", expanding=True)))
_OPEN_BEFORE = select(runs.c.id).where(
    runs.c.created_at < bindparam("at", type_=Double),
    func.coalesce(runs.c.ended_at, bindparam("never", 1e18, Double)) >= bindparam("at", type_=Double),
)
