"""Times at which something is due, kept until it was done."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, delete, func, insert, select

from baton.core import RunId, random_id
from baton.ledger.schema import timers
from baton.ledger.transaction import Transaction

TimerKind = Literal[
    "wait",
    "event",
    "review",
    "escalation",
    "decision",
    "goal",
    "handoff",
    "offer",
    "reroute",
    "award",
    "settle",
    "join",
    "stay",
    "grant",
    "lease",
    "unreserved",
]


@dataclass(frozen=True)
class Timer:
    """Something that is due at a time.

    Attributes:
        kind: `wait` (an agent waits until then), `event` (an agent is told of an event, or that none has come),
            `review` (a question's deadline), `escalation` (others are asked it as well), `decision` (one that was held
            back goes out), `goal` (a goal's deadline), `handoff` (the answer to one is due), `offer` (one should have
            been taken), `reroute` (one that was not done is offered to the next), `award` (a call for proposals may be
            over), `settle` (a person has said which of several claims holds), `join` (of pieces that are joined, as
            many have ended as were waited for), `stay` (an action that was held up may go ahead), `grant` (what was
            reserved is there), `lease` (a reservation runs out), `unreserved` (one is waited for no more).
        ref: The review's, hand-off's or call's id, that of the action that waits, a reservation's number, or the name
            of the step that joins; None otherwise.
    """

    id: str
    run: RunId
    due: float
    kind: TimerKind
    ref: str | None


def start(tx: Transaction, run: RunId, due: float, kind: TimerKind, ref: str | None = None) -> None:
    """Have something done at `due` (seconds since 1970)."""
    tx.execute(_START, {"id": random_id("tmr"), "run": run, "due": due, "kind": kind, "ref": ref})
    tx.times.add(due)


def stop(tx: Transaction, run: RunId, kind: TimerKind, ref: str) -> bool:
    """Have something not done that was to be; whether it was not done yet."""
    return bool(tx.changed(_STOP, whose=run, what=kind, about=ref))


def take(tx: Transaction, limit: int) -> list[Timer]:
    """Take timers whose time has come, oldest first: they are gone once this transaction is committed.

    Of two workers that take at once, each gets others.
    """
    rows = tx.rows(_DUE, now=tx.now, most=limit)
    tx.changed(_TAKE, taken=[row.id for row in rows])
    return [Timer(row.id, RunId(row.run), row.due, row.kind, row.ref) for row in rows]


_START = insert(timers)
_STOP = delete(timers).where(
    timers.c.run == bindparam("whose"), timers.c.kind == bindparam("what"), timers.c.ref == bindparam("about")
)
_DUE = (
    select(timers)
    .where(timers.c.due <= bindparam("now"))
    .order_by(timers.c.due)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKE = delete(timers).where(timers.c.id.in_(bindparam("taken", expanding=True)))
_NEXT = select(func.min(timers.c.due))
_STARTED = select(timers.c.ref).where(timers.c.run == bindparam("run"), timers.c.kind == bindparam("kind"))
_PENDING = select(func.min(timers.c.due)).where(timers.c.run == bindparam("run"), timers.c.kind == bindparam("kind"))


def next_due(tx: Transaction) -> float | None:
    """When the next timer is due; None if there is none."""
    soonest: float | None = tx.value(_NEXT)
    return soonest


def started(tx: Transaction, run: RunId, kind: TimerKind) -> set[str]:
    """What the timers of a kind that are to come in a run are about."""
    return {ref for ref in tx.values(_STARTED, run=run, kind=kind) if ref is not None}


def pending(tx: Transaction, run: RunId, kind: TimerKind) -> float | None:
    """When the next timer of a kind is due in a run; None if there is none."""
    soonest: float | None = tx.value(_PENDING, run=run, kind=kind)
    return soonest
