"""Threads and the exchanges in them, as clients of LangGraph's API know them.

A run at the top is a thread by itself, under its own id. One that is recorded here was made by a client: it may have a
name of its own and metadata, and it may be there before anything was said in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, literal, null, or_, select, union_all, update

from baton.core import Conflict, NotFound, RunId, dump
from baton.ledger.locks import lock_name
from baton.ledger.schema import runs
from baton.ledger.schema_threads import exchanges, threads
from baton.ledger.transaction import Transaction

ExchangeKind = Literal["input", "resume"]


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A conversation under the name that a client has for it.

    Attributes:
        run: The run that has it now; None before anything was said.
        person: Who made it; None of a run that is a thread by itself.
        recorded: Whether it was made by a client.
    """

    id: str
    run: RunId | None
    person: str | None
    metadata: Mapping[str, Any]
    created_at: float
    updated_at: float
    recorded: bool


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What a client calls a run: something was said, or a question answered, and the agent went on until it rested.

    Attributes:
        number: In its thread, from 1.
        run: The run that went on.
        after: The number of that run's last event before it.
    """

    id: str
    thread: str
    number: int
    run: RunId
    after: int
    kind: ExchangeKind
    metadata: Mapping[str, Any]
    created_at: float


def make(tx: Transaction, id: str, person: str, metadata: Mapping[str, Any], *, tenant: str) -> bool:
    """Record a tenant's thread in which nothing was said yet; False where there is one of that name.

    Raises:
        Conflict: if another tenant has one of that name.
    """
    lock_name(tx, f"thread {id}")
    if find(tx, id) is not None:
        return False
    if tx.value(_NAMED, id=id) is not None:
        raise Conflict(f"thread {id}", "the name is taken", "Give another one, or none.")
    row = {"id": id, "run": None, "person": person, "metadata": dump(dict(metadata)), "tenant": tenant}
    tx.execute(insert(threads).values(row | {"created_at": tx.now, "updated_at": tx.now}))
    return True


def find(tx: Transaction, id: str) -> Thread | None:
    """The thread of this name; None where there is none."""
    row = tx.row(select(threads).where(threads.c.id == id)) or tx.row(_BARE.where(runs.c.id == id))
    return None if row is None or not tx.sees(row.tenant) else _thread(row)


def get(tx: Transaction, id: str) -> Thread:
    """The thread of this name.

    Raises:
        NotFound: if there is none.
    """
    known = find(tx, id)
    if known is None:
        raise NotFound("thread", id)
    return known


def hold(tx: Transaction, id: str) -> None:
    """Keep others from beginning something in a thread until the transaction ends."""
    lock_name(tx, f"thread {id}")


def keep(
    tx: Transaction, thread: Thread, *, run: RunId | None = None, metadata: Mapping[str, Any] | None = None
) -> None:
    """Record which run has a thread now, or what its metadata are; None leaves that as it is."""
    changes: dict[str, Any] = {"updated_at": tx.now}
    changes |= {"run": run} if run is not None else {}
    changes |= {"metadata": dump(dict(metadata))} if metadata is not None else {}
    if tx.changed(update(threads).where(threads.c.id == thread.id).values(**changes)) == 0:
        row = {"id": thread.id, "run": thread.run, "person": "", "metadata": "{}", "created_at": thread.created_at}
        row |= {"tenant": tx.value(_OF_RUN, run=thread.run)}
        tx.execute(insert(threads).values(row | changes))  # it was a run by itself


def drop(tx: Transaction, id: str) -> None:
    """Delete a thread in which nothing was said; of others nothing is ever deleted here."""
    tx.changed(delete(threads).where(threads.c.id == id, threads.c.run.is_(None)))


def listed(tx: Transaction, *, oldest_first: bool, by: Literal["created_at", "updated_at"], after: int) -> list[Thread]:
    """A hundred threads behind the first `after`, in order."""
    both = select(threads, literal(1).label("recorded")).union_all(_BARE).subquery()
    order: ColumnElement[Any] = both.c[by].asc() if oldest_first else both.c[by].desc()
    query = select(both) if tx.tenant is None else select(both).where(both.c.tenant == tx.tenant)
    return [_thread(row) for row in tx.rows(query.order_by(order, both.c.id).limit(100).offset(after))]


def begin(
    tx: Transaction,
    thread: str,
    id: str,
    run: RunId,
    kind: ExchangeKind,
    *,
    after: int,
    metadata: Mapping[str, Any],
) -> Exchange:
    """Record an exchange."""
    number = (tx.value(select(func.max(exchanges.c.number)).where(exchanges.c.thread == thread)) or 0) + 1
    row = {"id": id, "thread": thread, "number": number, "run": run, "after": after, "kind": kind}
    tx.execute(insert(exchanges).values(row | {"metadata": dump(dict(metadata)), "created_at": tx.now}))
    return Exchange(
        id=id,
        thread=thread,
        number=number,
        run=run,
        after=after,
        kind=kind,
        metadata=metadata,
        created_at=tx.now,
    )


def exchanges_of(tx: Transaction, thread: str) -> list[Exchange]:
    """The exchanges of a thread, oldest first."""
    return [_exchange(row) for row in tx.rows(_EXCHANGES, thread=thread)]


def after(tx: Transaction, exchange: Exchange, run: RunId | None = None) -> Exchange | None:
    """The exchange that came next in its thread, or of those of a run; None if it is the last."""
    query = select(exchanges).where(exchanges.c.thread == exchange.thread, exchanges.c.number > exchange.number)
    query = query if run is None else query.where(exchanges.c.run == run)
    row = tx.row(query.order_by(exchanges.c.number).limit(1))
    return None if row is None else _exchange(row)


_NAMED = union_all(
    select(threads.c.id).where(threads.c.id == bindparam("id")), select(runs.c.id).where(runs.c.id == bindparam("id"))
)
_OF_RUN = select(runs.c.tenant).where(runs.c.id == bindparam("run"))
_EXCHANGES = select(exchanges).where(exchanges.c.thread == bindparam("thread")).order_by(exchanges.c.number)
_TAKEN = or_(
    runs.c.id.in_(select(threads.c.run).where(threads.c.run.is_not(None))),
    runs.c.id.in_(select(threads.c.id)),
)
_BARE = select(
    runs.c.id,
    runs.c.id.label("run"),
    null().label("person"),
    literal("{}").label("metadata"),
    runs.c.created_at,
    func.coalesce(runs.c.ended_at, runs.c.created_at).label("updated_at"),
    runs.c.tenant,
    literal(0).label("recorded"),
).where(runs.c.parent.is_(None), ~_TAKEN)
"""Runs at the top that no client has made a thread of."""


def _thread(row: Any) -> Thread:
    return Thread(
        id=row.id,
        run=None if row.run is None else RunId(row.run),
        person=row.person,
        metadata=json.loads(row.metadata),
        created_at=row.created_at,
        updated_at=row.updated_at,
        recorded=bool(getattr(row, "recorded", 1)),
    )


def _exchange(row: Any) -> Exchange:
    return Exchange(
        id=row.id,
        thread=row.thread,
        number=row.number,
        run=RunId(row.run),
        after=row.after,
        kind=row.kind,
        metadata=json.loads(row.metadata),
        created_at=row.created_at,
    )
