"""What takes room in the record, and giving back what nobody needs any more."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Table, bindparam, delete, func, select, text, union_all

from baton.core import BodyId
from baton.ledger import checkpoints, waits
from baton.ledger.door import Ledger
from baton.ledger.schema import bodies, effects, messages, metadata, runs, signals, transcript
from baton.ledger.schema_handoffs import calls, handoffs
from baton.ledger.schema_people import audits, decisions, remarks, reviews
from baton.ledger.schema_texting import undelivered
from baton.ledger.schema_words import server_metadata, vector_metadata
from baton.ledger.schema_workflows import workflow_steps
from baton.ledger.transaction import Transaction

EVENT_DAYS = 30.0
"""How long a published event is kept for runs that have not asked for it yet."""

_BATCH = 5000


@dataclass(frozen=True)
class TableSize:
    """A table: its rows, and its bytes with its indexes; None where the database does not tell them."""

    name: str
    rows: int
    bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was deleted because nobody needs it: texts that nothing refers to, old events, states of ended runs."""

    bodies: int
    events: int
    checkpoints: int


@dataclass(frozen=True, kw_only=True)
class Vacuumed:
    """What a vacuum did; `before` and `after` are bytes on the disk."""

    before: int
    after: int
    swept: Swept


def sizes(tx: Transaction) -> list[TableSize]:
    """Every table, the largest first."""
    room = _bytes(tx)
    found = [
        TableSize(table.name, tx.value(select(func.count()).select_from(table)), room.get(table.name))
        for table in [*metadata.sorted_tables, *_of_server(room)]
    ]
    return sorted(found, key=lambda size: (-(size.bytes or 0), -size.rows, size.name))


async def vacuum(ledger: Ledger, *, event_days: float = EVENT_DAYS) -> Vacuumed:
    """Delete what nobody needs and give the room back to the disk.

    Raises:
        Conflict: if another process lets agents work on this database: they would have to wait.
        LedgerError: if the database cannot be used, or there is no room to work in.
    """
    with ledger.database.alone("vacuum"):
        before = ledger.database.size()
        swept = await sweep(ledger, event_days=event_days)
        await asyncio.to_thread(ledger.database.compact)
    return Vacuumed(before=before, after=ledger.database.size(), swept=swept)


async def sweep(ledger: Ledger, *, event_days: float = EVENT_DAYS) -> Swept:
    """Delete what nobody needs, in bounded transactions. Others may work meanwhile."""
    oldest = ledger.clock.now() - event_days * 86400
    events = await ledger.write(lambda tx: waits.expire(tx, oldest))
    states = await ledger.write(checkpoints.prune_ended)
    orphans: list[BodyId] = await ledger.read(lambda tx: tx.values(_ORPHANS))
    for start in range(0, len(orphans), _BATCH):
        batch = orphans[start : start + _BATCH]
        await ledger.write(lambda tx, batch=batch: tx.changed(_FORGET, ids=batch))  # type: ignore[misc]
    return Swept(bodies=len(orphans), events=events, checkpoints=states)


REFERENCES = (
    runs.c.goal,
    runs.c.summary,
    messages.c.body,
    transcript.c.body,
    effects.c.result,
    reviews.c.question,
    decisions.c.note,
    signals.c.body,
    audits.c.question,
    audits.c.note,
    remarks.c.body,
    handoffs.c.payload,
    handoffs.c.answer,
    handoffs.c.said,
    workflow_steps.c.body,
    undelivered.c.body,
    calls.c.task,
)
"""Every column that refers to a text. A text is stored together with the row that refers to it, never before."""

_ORPHANS = select(bodies.c.id).where(
    bodies.c.id.not_in(union_all(*(select(column).where(column.is_not(None)) for column in REFERENCES)))
)
_FORGET = delete(bodies).where(bodies.c.id.in_(bindparam("ids", expanding=True)))

_SQLITE_BYTES = text(
    "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY m.tbl_name"
)
_POSTGRES_BYTES = text("SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'")


def _of_server(room: Collection[str]) -> list[Table]:
    """The tables of a Postgres record alone, as far as they are there."""
    return [table for table in [*server_metadata.sorted_tables, *vector_metadata.sorted_tables] if table.name in room]


def _bytes(tx: Transaction) -> dict[str, int]:
    """Bytes of each table; empty where SQLite was built without the means to tell."""
    if tx.connection.dialect.name == "postgresql":
        return {row[0]: row[1] for row in tx.rows(_POSTGRES_BYTES)}
    if "ENABLE_DBSTAT_VTAB" not in tx.values(text("PRAGMA compile_options")):
        return {}
    return {row[0]: row[1] for row in tx.rows(_SQLITE_BYTES)}
