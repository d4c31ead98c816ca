"""What may be written in one message: rows gathered from work that asks the database nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.dialects.postgresql.base import PGDialect

from baton.core import RunId
from baton.ledger.prepared import expect_often, prepared
from baton.ledger.transaction import Pending, Transaction, Work

Question = tuple[Executable, Mapping[str, Any]]
"""A SELECT that is built once, with the values of its parameters."""

_PGDialect: Any = PGDialect  # not annotated
_TEXT, _BINARY = 0, 1
_OVERHEAD = 64  # bytes that the protocol adds to a statement, at most


class Asks(Exception):
    """A piece of work asks the database, or tells somebody: it needs a transaction of the usual kind."""


class Statement(NamedTuple):
    """A statement with its values as they go to the server; `formats` says of each whether it is text (0) or bytes."""

    sql: str
    values: Sequence[bytes | None]
    formats: Sequence[int]


@dataclass(frozen=True)
class Piece:
    """What is to be written for one run, if `epoch` is its newest.

    Attributes:
        size: Bytes that it takes on the way to the server, roughly.
    """

    run: RunId
    epoch: int
    statements: Sequence[Statement]
    size: int


class _Nothing:
    """Stands where the connection of a transaction stands."""

    dialect: Dialect = _PGDialect(paramstyle="numeric_dollar")

    def __getattr__(self, name: str) -> Any:
        raise Asks(name)


_NOTHING = _Nothing()


def gather(run: RunId, works: Sequence[Work[Any]], now: float) -> Piece:
    """Run work for one run without a database, and note what it puts off.

    Raises:
        Asks: if it does anything else. Whatever the work itself raises is raised as well.
    """
    tx = Transaction(cast("Connection", _NOTHING), now, wanted={})
    for work in works:
        work(tx)
    if tx.wanted is None or tx.wanted.keys() != {run} or tx.woken or tx.noted or tx.rested or tx.times:
        raise Asks
    statements = _statements(tx.pending)
    size = sum(_OVERHEAD + sum(len(value or b"") + 6 for value in one.values) for one in statements)
    return Piece(run, tx.wanted[run], statements, size)


def asked(questions: Sequence[Question]) -> list[Statement]:
    """Questions as they go to the server."""
    return [made for question, values in questions for made in _statements({question: [values]})]


def _statements(pending: Pending) -> list[Statement]:
    made: list[Statement] = []
    for statement, rows in pending.items():
        expect_often(statement)
        known = prepared(statement, _NOTHING.dialect, rows[0], many=False)
        if known is None:
            raise Asks
        made += [_statement(known.sql, known.values(row)) for row in rows]
    return made


def _statement(sql: str, row: Iterable[Any]) -> Statement:
    """Text goes as bytes, for a NUL in it would be its end; numbers go as text."""
    values: list[bytes | None] = []
    formats: list[int] = []
    for value in row:
        if isinstance(value, int):
            values.append(b"%d" % value)
            formats.append(_TEXT)
        else:
            values.append(value.encode() if isinstance(value, str) else value)
            formats.append(_BINARY)
    return Statement(sql, values, formats)
