"""Texts, each stored once."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, func, insert, or_, select

from baton.core import BodyId, InvalidValue, RunId
from baton.ledger.schema import bodies, effects
from baton.ledger.transaction import Transaction


def store(tx: Transaction, text: str) -> BodyId:
    """Keep a text.

    Raises:
        InvalidValue: if it holds NUL or half a surrogate pair, which Postgres does not take.
    """
    if "\0" in text:
        raise InvalidValue("text", "\0", "text without NUL")
    try:
        return BodyId(tx.value(_STORE, text=text))
    except UnicodeEncodeError as error:
        raise InvalidValue("text", text[error.start : error.end], "text that UTF-8 can hold") from error


_STORE = insert(bodies).returning(bodies.c.id)
_FEW = 4
_PLACES = tuple(f"id_{number}" for number in range(_FEW))
_LOAD_FEW = select(bodies).where(or_(*(bodies.c.id == bindparam(place) for place in _PLACES)))
_LOAD = select(bodies).where(bodies.c.id.in_(bindparam("ids", expanding=True)))


def load(tx: Transaction, ids: Iterable[BodyId | None]) -> dict[BodyId, str]:
    """The texts with these ids; None is passed over."""
    wanted = sorted({i for i in ids if i is not None})
    if len(wanted) <= _FEW:  # the usual case, in a statement whose length is known
        padded = dict(zip(_PLACES, wanted + wanted[-1:] * (_FEW - len(wanted)), strict=True)) if wanted else {}
        return {BodyId(row.id): row.text for row in (tx.rows(_LOAD_FEW, **padded) if padded else ())}
    found: dict[BodyId, str] = {}
    for start in range(0, len(wanted), 500):
        rows = tx.rows(_LOAD, ids=wanted[start : start + 500])
        found.update({BodyId(row.id): row.text for row in rows})
    return found


def piece(tx: Transaction, body: BodyId, offset: int, length: int) -> tuple[str, int]:
    """`length` characters of a text from `offset` (from 0), and how many it has in all; ("", 0) if there is none."""
    row = tx.row(
        select(
            func.substr(bodies.c.text, offset + 1, length).label("text"), func.length(bodies.c.text).label("length")
        ).where(bodies.c.id == body)
    )
    return (row.text, row.length) if row else ("", 0)


def shown_to(tx: Transaction, runs: Sequence[RunId], body: BodyId) -> bool:
    """Whether a text is the result of an action of one of these runs."""
    return tx.row(select(effects.c.key).where(effects.c.run.in_(runs), effects.c.result == body)) is not None
