"""What changed among the facts, in order: what the indexes follow, each from the place that it has come to."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, func, select, tuple_

from baton.core import FactId
from baton.ledger.fact_threads import Standing, around
from baton.ledger.schema import OldestTransaction, migrations
from baton.ledger.schema_memory import fact_changes
from baton.ledger.transaction import Transaction

Mark = tuple[int, int]
"""A place among the changes; rises in the order in which they are told."""


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
    standing, gone = around(tx, changed)
    return Step((rows[-1].xact, rows[-1].id), standing, gone)


def origin(tx: Transaction) -> int:
    """What tells this record from another in its place: when its tables were made, in milliseconds since 1970."""
    return int(1000 * (tx.value(_ORIGIN) or 0.0))


def last(tx: Transaction) -> Mark:
    """Where the changes end now; (0, 0) if there is none."""
    row = tx.row(_LAST)
    return (row.xact, row.id) if row else (0, 0)


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
_ORIGIN = select(func.min(migrations.c.applied_at))
