"""What happened, in order: each run's events are numbered from 1."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, insert, select, tuple_, update

from baton.core import RunId, dump
from baton.ledger.schema import Behind, Finished, InOrder, events, runs
from baton.ledger.transaction import Transaction

Mark = tuple[int, int]
"""A place among the events of all runs; rises in the order in which they are told."""


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        id: Rises over all runs, in the order of recording.
        run: The run it happened to.
        seq: Its number within the run, from 1.
        kind: Namespaced, such as `run.submitted` or `effect.done`.
        data: What is worth knowing; texts are referred to by id.
        at: Seconds since 1970.
        xact: The transaction that recorded it, where several may write at once; else 0.
    """

    id: int
    run: RunId
    seq: int
    kind: str
    data: Mapping[str, Any]
    at: float
    xact: int = 0

    @property
    def mark(self) -> Mark:
        """Its place among the events of all runs."""
        return (self.xact, self.id)


def emit(tx: Transaction, run: RunId, kind: str, **data: Any) -> None:
    """Record that something happened to a run."""
    number = tx.value(_NEXT, to=run)
    tx.later(_INSERT, [{"run": run, "seq": number, "kind": kind, "data": dump(data), "at": tx.now}])
    tx.noted.add(run)


def emit_numbered(tx: Transaction, kind: str, numbered: Sequence[tuple[RunId, int, Mapping[str, Any]]]) -> None:
    """Record one event each for several runs whose counts of events have been raised already: run, number, data."""
    rows = [{"run": run, "seq": seq, "kind": kind, "data": dump(data), "at": tx.now} for run, seq, data in numbered]
    tx.later(_INSERT, rows)
    tx.noted.update(run for run, _, _ in numbered)


_NEXT = update(runs).where(runs.c.id == bindparam("to")).values(events=runs.c.events + 1).returning(runs.c.events)
_INSERT = insert(events)


def of_run(tx: Transaction, run: RunId, after: int = 0, limit: int = 1000) -> list[Event]:
    """A run's events with numbers above `after`, oldest first."""
    tx.flush()
    query = select(events).where(events.c.run == run, events.c.seq > after).order_by(events.c.seq).limit(limit)
    return [_event(row) for row in tx.rows(query)]


def latest(tx: Transaction, run: RunId, kind: str | None = None, limit: int = 10) -> list[Event]:
    """A run's newest events, of one kind or of all, oldest first."""
    tx.flush()
    query = select(events).where(events.c.run == run).order_by(events.c.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(events.c.kind == kind)
    return [_event(row) for row in reversed(tx.rows(query))]


def of_all(tx: Transaction, after: Mark = (0, 0), limit: int = 1000) -> list[Event]:
    """Events of all runs behind `after`, oldest first.

    Where several transactions write at once, those of the oldest unfinished one and later are held back: an event
    that is told is never followed by one that belongs before it.
    """
    tx.flush()
    return [_event(row) for row in tx.rows(_BEHIND, xact=after[0], id=after[1], most=limit)]


def of_kinds(tx: Transaction, kinds: Sequence[str], after: Mark, until: Mark, limit: int) -> list[Event]:
    """Events of some kinds of all runs behind `after`, up to and with `until`, oldest first."""
    tx.flush()
    marks = {"xact": after[0], "id": after[1], "last_xact": until[0], "last_id": until[1]}
    return [_event(row) for row in tx.rows(_OF_KINDS, kinds=list(kinds), most=limit, **marks)]


def last(tx: Transaction) -> Mark:
    """Where the events end now; (0, 0) if there is none."""
    tx.flush()
    row = tx.row(_LAST)
    return (row.xact, row.id) if row else (0, 0)


def newest(tx: Transaction) -> float | None:
    """When the last thing happened, in seconds since 1970; None if nothing has."""
    tx.flush()
    at: float | None = tx.value(_NEWEST)
    return at


_NEWEST = select(func.max(events.c.at))
_ORDER = tuple_(events.c.xact, events.c.id)
_FINISHED = Finished()
_BEHIND = (
    select(events)
    .where(Behind(bindparam("xact", type_=BigInteger), bindparam("id", type_=BigInteger)), _FINISHED)
    .order_by(InOrder())
    .limit(bindparam("most"))
)
_OF_KINDS = _BEHIND.where(
    events.c.kind.in_(bindparam("kinds", expanding=True)),
    _ORDER <= tuple_(bindparam("last_xact", type_=BigInteger), bindparam("last_id", type_=BigInteger)),
)
_LAST = select(events.c.xact, events.c.id).where(_FINISHED).order_by(events.c.xact.desc(), events.c.id.desc()).limit(1)


def _event(row: Any) -> Event:
    return Event(row.id, RunId(row.run), row.seq, row.kind, json.loads(row.data), row.at, row.xact)
