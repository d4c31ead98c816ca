"""What happened, in order: each run's events are numbered from 1."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import RunId, dump
from baton.ledger.door import Transaction
from baton.ledger.schema import events, runs


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
    """

    id: int
    run: RunId
    seq: int
    kind: str
    data: Mapping[str, Any]
    at: float


def emit(tx: Transaction, run: RunId, kind: str, **data: Any) -> None:
    """Record that something happened to a run."""
    number = tx.value(_NEXT, to=run)
    tx.execute(_INSERT, {"run": run, "seq": number, "kind": kind, "data": dump(data), "at": tx.now})
    tx.noted.add(run)


_NEXT = update(runs).where(runs.c.id == bindparam("to")).values(events=runs.c.events + 1).returning(runs.c.events)
_INSERT = insert(events)


def of_run(tx: Transaction, run: RunId, after: int = 0, limit: int = 1000) -> list[Event]:
    """A run's events with numbers above `after`, oldest first."""
    query = select(events).where(events.c.run == run, events.c.seq > after).order_by(events.c.seq).limit(limit)
    return [_event(row) for row in tx.rows(query)]


def latest(tx: Transaction, run: RunId, kind: str | None = None, limit: int = 10) -> list[Event]:
    """A run's newest events, of one kind or of all, oldest first."""
    query = select(events).where(events.c.run == run).order_by(events.c.seq.desc()).limit(limit)
    if kind is not None:
        query = query.where(events.c.kind == kind)
    return [_event(row) for row in reversed(tx.rows(query))]


def of_all(tx: Transaction, after: int = 0, limit: int = 1000) -> list[Event]:
    """Events of all runs with ids above `after`, oldest first."""
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    return [_event(row) for row in tx.rows(query)]


def last(tx: Transaction) -> int:
    """The id of the newest event; 0 if there is none."""
    newest: int = tx.value(select(func.coalesce(func.max(events.c.id), 0)))
    return newest


def _event(row: Any) -> Event:
    return Event(row.id, RunId(row.run), row.seq, row.kind, json.loads(row.data), row.at)
