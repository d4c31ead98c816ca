"""Work that is spread over many and joined: counted as each piece ends, and told to its giver once.

The giver is told when enough have returned, when all have ended, when fewer can return than are needed, or when so
many have ended that there is room for more. Until it says that it has heard, it is not told again: a compare-and-set,
in the transaction in which the piece ends. What it is told goes by a timer that is due at once, so that whoever ends a
piece holds no row of the giver.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, case, insert, select, update

from baton.core import Confidentiality, Label, RunId, Trust, dump
from baton.ledger import timers
from baton.ledger.schema_workflows import joins
from baton.ledger.transaction import Transaction

_AT_ONCE = 0.0  # by any worker's clock


@dataclass(frozen=True, kw_only=True)
class Missed:
    """A piece that could not be handed on.

    Attributes:
        item: Its place, from 0.
        state: Why, in a word: `denied` or `failed`.
        said: Why, in words.
    """

    item: int
    state: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Join:
    """How far work has come that is spread.

    Attributes:
        total: How many pieces there are.
        needed: How many have to return.
        strict: Whether it is over as soon as fewer can return.
        spread: How many have been handed on, or could not be.
        ended: How many of them have ended.
        returned: How many of these with an answer.
        trust: The lowest of what came back.
        confidentiality: The highest of what came back.
        missed: Pieces that could not be handed on.
        told: Whether its giver is told nothing more until it says what it waits for.
    """

    total: int
    needed: int
    strict: bool
    spread: int = 0
    ended: int = 0
    returned: int = 0
    trust: Trust = Trust.AGENT
    confidentiality: Confidentiality = Confidentiality.PUBLIC
    missed: tuple[Missed, ...] = ()
    told: bool = False

    @property
    def enough(self) -> bool:
        """Whether as many have returned as are needed."""
        return self.returned >= self.needed

    @property
    def over(self) -> bool:
        """Whether nothing more has to be waited for."""
        hopeless = self.strict and self.total - (self.ended - self.returned) < self.needed
        return self.enough or self.ended >= self.total or hopeless


def create(tx: Transaction, run: RunId, key: str, join: Join) -> None:
    """Record that work is going to be spread."""
    row = {name: int(getattr(join, name)) for name in _NUMBERS}
    tx.execute(_CREATE, row | {"run": run, "key": key, "wakes_at": 0, "told": 1, "missed": None})


def get(tx: Transaction, run: RunId, key: str) -> Join | None:
    """How far it has come; None where nothing of that name is spread."""
    row = tx.row(_GET, of=run, named=key)
    return None if row is None else _join(row)


def spread(tx: Transaction, run: RunId, key: str, count: int, wakes_at: int, missed: Sequence[Missed] = ()) -> None:
    """Note that so many more have been handed on, or could not be; the giver has heard of what has ended so far.

    It is told again when `wakes_at` have ended, or it is over; at once where that is so already.
    """
    now = tx.row(_HELD, of=run, named=key)
    told = [*json.loads(now.missed or "[]"), *(vars(one) for one in missed)]
    more = {"more": count, "gone": len(missed), "at": wakes_at, "why": dump(told) if told else None}
    row = tx.row(_SPREAD, of=run, named=key, **more)
    _tell_if_due(tx, run, key, row)


def count(tx: Transaction, run: RunId, key: str, *, returned: bool, label: Label) -> None:
    """Count a piece that has ended; its giver is told where that is what it waits for."""
    said = {"good": int(returned), "lowest": int(label.trust), "highest": int(label.confidentiality)}
    row = tx.row(_COUNT, of=run, named=key, **said)
    if row is not None:
        _tell_if_due(tx, run, key, row)


def close(tx: Transaction, run: RunId, key: str) -> None:
    """Tell nothing of it any more."""
    tx.changed(_CLOSE, of=run, named=key)


def _tell_if_due(tx: Transaction, run: RunId, key: str, row: Any) -> None:
    due = row.ended >= row.wakes_at or _join(row).over
    if due and tx.changed(_TOLD, of=run, named=key):
        timers.start(tx, run, _AT_ONCE, "join", key)


def _join(row: Any) -> Join:
    return Join(
        total=row.total,
        needed=row.needed,
        strict=bool(row.strict),
        spread=row.spread,
        ended=row.ended,
        returned=row.returned,
        trust=Trust(row.trust),
        confidentiality=Confidentiality(row.confidentiality),
        missed=tuple(Missed(**one) for one in json.loads(row.missed or "[]")),
        told=bool(row.told),
    )


_NUMBERS = ("total", "needed", "strict", "spread", "ended", "returned", "trust", "confidentiality")
_IT = (joins.c.run == bindparam("of"), joins.c.key == bindparam("named"))
_CREATE = insert(joins)
_GET = select(joins).where(*_IT)
_HELD = select(joins.c.missed).where(*_IT).with_for_update()
_SPREAD = (
    update(joins)
    .where(*_IT)
    .values(
        spread=joins.c.spread + bindparam("more") + bindparam("gone"),
        ended=joins.c.ended + bindparam("gone"),
        wakes_at=bindparam("at"),
        told=0,
        missed=bindparam("why"),
    )
    .returning(joins)
)
_LOWEST, _HIGHEST = bindparam("lowest", type_=Integer), bindparam("highest", type_=Integer)
_COUNT = (
    update(joins)
    .where(*_IT)
    .values(
        ended=joins.c.ended + 1,
        returned=joins.c.returned + bindparam("good"),
        trust=case((joins.c.trust > _LOWEST, _LOWEST), else_=joins.c.trust),
        confidentiality=case((joins.c.confidentiality < _HIGHEST, _HIGHEST), else_=joins.c.confidentiality),
    )
    .returning(joins)
)
_TOLD = update(joins).where(*_IT, joins.c.told == 0).values(told=1)
_CLOSE = update(joins).where(*_IT).values(told=1)
