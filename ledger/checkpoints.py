"""LangGraph's checkpoints and pending writes as rows; graph/saver.py speaks LangGraph's language over them."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, case, delete, exists, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from baton.core import RunId
from baton.ledger.gathering import Question
from baton.ledger.runs import ENDED
from baton.ledger.schema import checkpoint_writes, checkpoints, runs
from baton.ledger.transaction import Transaction

KEPT = 3
"""States that an open run keeps, one a turn; one that has ended keeps its last. Nothing that Baton does needs more
than the newest: replays and forks are made from transcript and journal."""


@dataclass(frozen=True, kw_only=True)
class StoredCheckpoint:
    """One checkpoint as stored; `state` is serialised as `type` says, `metadata` is JSON."""

    thread: str
    ns: str
    id: str
    parent: str | None
    type: str
    state: bytes
    metadata: str


@dataclass(frozen=True, kw_only=True)
class StoredWrite:
    """One pending write of a task as stored."""

    task: str
    idx: int
    path: str
    channel: str
    type: str
    value: bytes


def managed(tx: Transaction, thread: str) -> bool:
    """Whether a thread is a run of ours, so that only its leaseholder may write it."""
    return tx.row(select(runs.c.id).where(runs.c.id == thread)) is not None


def put(tx: Transaction, checkpoint: StoredCheckpoint) -> None:
    """Store a checkpoint; one with the same id is replaced."""
    tx.later(_upsert(tx.connection.dialect.name, "checkpoints", replace=True), [vars(checkpoint)])


def put_writes(
    tx: Transaction, thread: str, ns: str, checkpoint: str, writes: Sequence[StoredWrite], *, replace: bool
) -> None:
    """Store a task's pending writes; a stored one stays unless `replace`."""
    where = {"thread": thread, "ns": ns, "checkpoint": checkpoint}
    statement = _upsert(tx.connection.dialect.name, "checkpoint_writes", replace=replace)
    tx.later(statement, [where | vars(write) for write in writes])


def drop_superseded(tx: Transaction, run: RunId, head: str, same_turn: str | None) -> None:
    """Forget what the newest checkpoint of a run made useless.

    That is older pending writes; its turn's earlier state; and, as a turn begins, the state of the one KEPT turns ago.
    """
    tx.later(_DROP_WRITES, [{"run": run, "head": head}])
    if same_turn is not None:
        tx.later(_DROP_STATE, [{"run": run, "checkpoint": same_turn}])
    else:
        tx.later(_PRUNE_TURNS, [{"run": run}])  # behind the newest, which is put off as well


def prune(tx: Transaction, run: RunId, keep: int) -> int:
    """Forget all but the newest `keep` states of a run; how many were forgotten."""
    return tx.changed(_PRUNE, run=run, newer=keep - 1)


def prune_ended(tx: Transaction) -> int:
    """Forget all but the newest state of every run that has ended; how many were forgotten."""
    return tx.changed(_PRUNE_ENDED)


def get(tx: Transaction, thread: str, ns: str, id: str | None) -> StoredCheckpoint | None:
    """A checkpoint by id, or with None the newest; None if there is none."""
    tx.flush()
    row = tx.row(_GET, thread=thread, ns=ns, id=id) if id else tx.row(_NEWEST, thread=thread, ns=ns)
    return _checkpoint(row) if row else None


def questions(thread: str, ns: str, id: str | None) -> list[Question]:
    """What to ask for a checkpoint by id, or with None the newest, and the writes on it; `answer` reads the rows."""
    of = {"thread": thread, "ns": ns}
    if id:
        return [(_GET, of | {"id": id}), (_WRITES, of | {"checkpoint": id})]
    return [(_NEWEST, of), (_NEWEST_WRITES, of)]


def answer(rows: Sequence[Sequence[Any]]) -> tuple[StoredCheckpoint, list[StoredWrite]] | None:
    """The checkpoint and the writes on it; None if there is none."""
    found, writes = rows
    return (_checkpoint(found[0]), [_write(row) for row in writes]) if found else None


def writes_of(tx: Transaction, thread: str, ns: str, checkpoint: str) -> list[StoredWrite]:
    """The pending writes on a checkpoint."""
    tx.flush()
    return [_write(row) for row in tx.rows(_WRITES, thread=thread, ns=ns, checkpoint=checkpoint)]


_OF_THREAD = select(checkpoints).where(checkpoints.c.thread == bindparam("thread"), checkpoints.c.ns == bindparam("ns"))
_GET = _OF_THREAD.where(checkpoints.c.id == bindparam("id"))
_NEWEST = _OF_THREAD.order_by(checkpoints.c.id.desc()).limit(1)
_WRITES = select(checkpoint_writes).where(
    checkpoint_writes.c.thread == bindparam("thread"),
    checkpoint_writes.c.ns == bindparam("ns"),
    checkpoint_writes.c.checkpoint == bindparam("checkpoint"),
)


_writes_on = checkpoint_writes.c
_NEWEST_ID = (
    select(checkpoints.c.id)
    .where(checkpoints.c.thread == bindparam("thread"), checkpoints.c.ns == bindparam("ns"))
    .order_by(checkpoints.c.id.desc())
    .limit(1)
)
_NEWEST_WRITES = select(checkpoint_writes).where(
    _writes_on.thread == bindparam("thread"),
    _writes_on.ns == bindparam("ns"),
    _writes_on.checkpoint == _NEWEST_ID.scalar_subquery(),
)


def listed(
    tx: Transaction,
    *,
    thread: str | None = None,
    ns: str | None = None,
    id: str | None = None,
    before: str | None = None,
) -> list[StoredCheckpoint]:
    """Checkpoints, newest first; None is no filter."""
    tx.flush()
    query = select(checkpoints).order_by(checkpoints.c.id.desc())
    for column, value in ((checkpoints.c.thread, thread), (checkpoints.c.ns, ns), (checkpoints.c.id, id)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(checkpoints.c.id < before)
    return [_checkpoint(row) for row in tx.rows(query)]


def delete_thread(tx: Transaction, thread: str) -> None:
    """Forget all states of a thread."""
    tx.flush()
    tx.execute(delete(checkpoints).where(checkpoints.c.thread == thread))
    tx.execute(delete(checkpoint_writes).where(checkpoint_writes.c.thread == thread))


def delete_one(tx: Transaction, checkpoint: StoredCheckpoint) -> None:
    """Forget one state and the writes on it."""
    tx.flush()
    c, w = checkpoints.c, checkpoint_writes.c
    tx.execute(delete(checkpoints).where(c.thread == checkpoint.thread, c.ns == checkpoint.ns, c.id == checkpoint.id))
    of_it = (w.thread == checkpoint.thread, w.ns == checkpoint.ns, w.checkpoint == checkpoint.id)
    tx.execute(delete(checkpoint_writes).where(*of_it))


def copy_thread(tx: Transaction, source: str, target: str) -> None:
    """Copy all states of a thread, with their writes, to another."""
    tx.flush()
    for table in (checkpoints, checkpoint_writes):
        rows = [row._asdict() for row in tx.rows(select(table).where(table.c.thread == source))]
        if rows:
            tx.execute(insert(table), [row | {"thread": target} for row in rows])


@functools.cache
def _upsert(dialect: str, name: str, *, replace: bool) -> Any:
    """An insert that replaces a row with the same key, or leaves it as it is; built once."""
    table = checkpoints.metadata.tables[name]
    keys = [column.name for column in table.primary_key]
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    if not replace:
        return statement.on_conflict_do_nothing(index_elements=keys)
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


_DROP_WRITES = delete(checkpoint_writes).where(
    checkpoint_writes.c.thread == bindparam("run"),
    checkpoint_writes.c.ns == "",
    checkpoint_writes.c.checkpoint < bindparam("head"),
)
_DROP_STATE = delete(checkpoints).where(
    checkpoints.c.thread == bindparam("run"), checkpoints.c.ns == "", checkpoints.c.id == bindparam("checkpoint")
)
_OF_RUN = (checkpoints.c.thread == bindparam("run"), checkpoints.c.ns == "")
_NEWEST_FIRST = select(checkpoints.c.id).where(*_OF_RUN).order_by(checkpoints.c.id.desc()).limit(1).correlate(None)
_PRUNE = delete(checkpoints).where(
    *_OF_RUN, checkpoints.c.id < _NEWEST_FIRST.offset(bindparam("newer")).scalar_subquery()
)
_HAS_ENDED = runs.c.status.in_([literal_column(f"'{status}'") for status in sorted(ENDED)])
_NEWER = select(case((_HAS_ENDED, literal_column("0", Integer)), else_=literal_column(str(KEPT - 1), Integer))).where(
    runs.c.id == bindparam("run")
)
_PRUNE_TURNS = delete(checkpoints).where(
    *_OF_RUN, checkpoints.c.id < _NEWEST_FIRST.offset(_NEWER.scalar_subquery()).scalar_subquery()
)
_newer = checkpoints.alias("newer")
_PRUNE_ENDED = delete(checkpoints).where(
    checkpoints.c.ns == "",
    checkpoints.c.thread.in_(select(runs.c.id).where(runs.c.status.in_(ENDED))),
    exists().where(_newer.c.thread == checkpoints.c.thread, _newer.c.ns == "", _newer.c.id > checkpoints.c.id),
)


def _write(row: Any) -> StoredWrite:
    return StoredWrite(task=row.task, idx=row.idx, path=row.path, channel=row.channel, type=row.type, value=row.value)


def _checkpoint(row: Any) -> StoredCheckpoint:
    return StoredCheckpoint(
        thread=row.thread,
        ns=row.ns,
        id=row.id,
        parent=row.parent,
        type=row.type,
        state=row.state,
        metadata=row.metadata,
    )
