"""What the lives of runs that have ended consist of, as rows that are made of their events."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import bindparam, exists, func, insert, select

from baton.ledger.schema import runs
from baton.ledger.schema_flow import lives
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a run's time was spent on, in seconds; the parts are all of it, to the last bit.

    Attributes:
        queueing: It had something to do, and no worker had taken it up.
        thinking: A model was asked.
        tools: A tool was called.
        transmission: What was decided or done was under way: held back to be undone, recorded, between two steps.
        off_duty: It waited for people, and nobody who may answer was on duty.
        in_line: Somebody was, but all of them were at other questions.
        not_looked_at: Somebody was free, and nobody took the question.
        deciding: Somebody had taken it.
        elsewhere: It waited for a time, an event, work that it had handed over, or to be spoken to.
        rework: What failed or was lost and what was waited before it was tried again, and thinking after a no.
    """

    queueing: float = 0.0
    thinking: float = 0.0
    tools: float = 0.0
    transmission: float = 0.0
    off_duty: float = 0.0
    in_line: float = 0.0
    not_looked_at: float = 0.0
    deciding: float = 0.0
    elsewhere: float = 0.0
    rework: float = 0.0

    @property
    def all(self) -> tuple[float, ...]:
        """The parts in their order."""
        return tuple(getattr(self, name) for name in PARTS)

    @property
    def whole(self) -> float:
        """All of it."""
        return sum(self.all)

    @property
    def people(self) -> float:
        """What was waited for people."""
        return self.off_duty + self.in_line + self.not_looked_at + self.deciding


PARTS = tuple(field.name for field in fields(Spent))
"""The names of the parts in their order."""

LifeRow = tuple[Any, ...]
"""Agent, tenant, outcome, when it began and ended, and its parts in their order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lived:
    """The life of a run that has ended."""

    run: str
    agent: str
    tenant: str
    outcome: str
    began: float
    ended: float
    spent: Spent


def keep(tx: Transaction, found: Sequence[Lived]) -> int:
    """Keep lives; those that are kept already stay as they are. How many were new."""
    known = set(tx.values(_KNOWN, runs=[one.run for one in found])) if found else set[str]()
    rows = [
        {"run": one.run, "agent": one.agent, "tenant": one.tenant, "outcome": one.outcome}
        | {"began": one.began, "ended": one.ended}
        | dict(zip(PARTS, one.spent.all, strict=True))
        for one in found
        if one.run not in known
    ]
    tx.execute(_KEEP, rows)
    return len(rows)


def between(tx: Transaction, start: float, end: float) -> list[LifeRow]:
    """The lives that ended between two times."""
    return tx.tuples(_BETWEEN, start=start, end=end)


def thinking(tx: Transaction, start: float) -> dict[str, tuple[float, float]]:
    """How long runs took that have ended since a time, and for how long of it models thought; by run, in seconds."""
    return {row[0]: (row[1], row[2]) for row in tx.tuples(_THINKING, start=start)}


def sums(tx: Transaction, start: float) -> list[tuple[str, int, tuple[float, ...]]]:
    """For each agent how many runs ended since a time, and on what their time went, all together, in seconds."""
    return [(row[0], row[1], tuple(row[2:])) for row in tx.tuples(_SUMS, start=start)]


def not_kept(tx: Transaction, since: float, most: int) -> list[str]:
    """Runs that have ended since a time and whose lives are not kept, the newest first."""
    return tx.values(_NOT_KEPT, since=since, most=most)


def kept_until(tx: Transaction) -> float | None:
    """When the run ended last of those whose lives are kept; None where none is."""
    at: float | None = tx.value(_UNTIL)
    return at


_KNOWN = select(lives.c.run).where(lives.c.run.in_(bindparam("runs", expanding=True)))
_KEEP = insert(lives)
_BETWEEN = select(
    lives.c.agent, lives.c.tenant, lives.c.outcome, lives.c.began, lives.c.ended, *(lives.c[name] for name in PARTS)
).where(lives.c.ended >= bindparam("start"), lives.c.ended < bindparam("end"))
_THINKING = select(lives.c.run, lives.c.ended - lives.c.began, lives.c.thinking).where(
    lives.c.ended >= bindparam("start")
)
_NOT_KEPT = (
    select(runs.c.id)
    .where(runs.c.ended_at >= bindparam("since"), ~exists().where(lives.c.run == runs.c.id))
    .order_by(runs.c.ended_at.desc())
    .limit(bindparam("most"))
)
_SUMS = (
    select(lives.c.agent, func.count(), *(func.sum(lives.c[name]) for name in PARTS))
    .where(lives.c.ended >= bindparam("start"))
    .group_by(lives.c.agent)
    .order_by(lives.c.agent)
)
_UNTIL = select(func.max(lives.c.ended))
