"""Times at which something is due, kept until it was done."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, delete, func, insert, select

from baton.core import RunId, random_id
from baton.ledger.schema import timers
from baton.ledger.transaction import Transaction

TimerKind = Literal["wait", "review", "goal"]


@dataclass(frozen=True)
class Timer:
    """Something that is due at a time.

    Attributes:
        kind: `wait` (an agent waits until then), `review` (a question's deadline), `goal` (a goal's deadline).
        ref: The review's id; None otherwise.
    """

    id: str
    run: RunId
    due: float
    kind: TimerKind
    ref: str | None


def start(tx: Transaction, run: RunId, due: float, kind: TimerKind, ref: str | None = None) -> None:
    """Have something done at `due` (seconds since 1970)."""
    tx.execute(insert(timers).values(id=random_id("tmr"), run=run, due=due, kind=kind, ref=ref))
    tx.times.add(due)


def due(tx: Transaction, limit: int = 100) -> list[Timer]:
    """Timers whose time has come, oldest first."""
    return [Timer(row.id, RunId(row.run), row.due, row.kind, row.ref) for row in tx.rows(_DUE, now=tx.now, most=limit)]


_DUE = select(timers).where(timers.c.due <= bindparam("now")).order_by(timers.c.due).limit(bindparam("most"))
_NEXT = select(func.min(timers.c.due))
_PENDING = select(func.min(timers.c.due)).where(timers.c.run == bindparam("run"), timers.c.kind == bindparam("kind"))


def next_due(tx: Transaction) -> float | None:
    """When the next timer is due; None if there is none."""
    soonest: float | None = tx.value(_NEXT)
    return soonest


def clear(tx: Transaction, timer: str) -> bool:
    """Take a timer away; whether it was still there."""
    return bool(tx.changed(delete(timers).where(timers.c.id == timer)))


def pending(tx: Transaction, run: RunId, kind: TimerKind) -> float | None:
    """When the next timer of a kind is due in a run; None if there is none."""
    soonest: float | None = tx.value(_PENDING, run=run, kind=kind)
    return soonest
