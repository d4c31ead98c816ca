"""Statements that run often, handed to the driver as text: SQLAlchemy builds them once and is not asked again.

SQLAlchemy's own execution costs several times what SQLite takes to run a statement. What it would still have to do for
each execution (lists of unknown length, defaults made in Python) is left to it.
"""

import collections
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Executable

Values = Mapping[str, Any]
_ATTRIBUTE = "_baton_prepared"


class Prepared:
    """A statement as text, with the places of its values.

    Attributes:
        sql: In the driver's own style.
    """

    def __init__(self, compiled: Any) -> None:
        self.sql: str = compiled.string
        self._places: Sequence[str] | None = compiled.positiontup  # None where the driver takes names
        wanted = {name for name, bind in compiled.binds.items() if bind.required}
        self._fixed: Values = {name: value for name, value in compiled.params.items() if name not in wanted}
        self._processors: Mapping[str, Callable[[Any], Any]] = compiled._bind_processors
        self._make: Any = None

    def values(self, given: Values) -> Any:
        """The values as the driver takes them."""
        all_ = {**self._fixed, **given}
        for name, process in self._processors.items():
            if name in all_:
                all_[name] = process(all_[name])
        return all_ if self._places is None else [all_[name] for name in self._places]

    def rows(self, cursor: Any) -> Iterable[Any]:
        """What a cursor found, as named tuples."""
        if self._make is None:
            names = [column[0] for column in cursor.description]
            self._make = row_of(tuple(names))
        return map(self._make, cursor)


@functools.cache
def row_of(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """What makes a named tuple of a row's values."""
    made: Any = collections.namedtuple
    return made("row", names, rename=True)._make  # type: ignore[no-any-return]


def expect_often(statement: Executable) -> None:
    """Have a statement made text the first time that it runs."""
    statement.__dict__.setdefault(_ATTRIBUTE, {})


def prepared(statement: Executable, dialect: Dialect, names: Iterable[str], *, many: bool) -> Prepared | None:
    """The statement as text; None the first time that it is seen, and where SQLAlchemy has to run it itself."""
    known: dict[Any, Any] | None = statement.__dict__.get(_ATTRIBUTE)
    if known is None:
        statement.__dict__[_ATTRIBUTE] = {}  # most statements that are built on the spot never come again
        return None
    key = (dialect.name, dialect.paramstyle, many, tuple(names))
    if key not in known:
        known[key] = _compiled(statement, dialect, key[-1], many=many)
    found: Prepared | None = known[key]
    return found


def _compiled(statement: Any, dialect: Dialect, names: Sequence[str], *, many: bool) -> Prepared | None:
    keys = None if statement.is_select else list(names)
    compiled = statement.compile(dialect=dialect, column_keys=keys, for_executemany=many)
    if "POSTCOMPILE" in compiled.string or compiled.insert_prefetch or compiled.update_prefetch:
        return None
    return Prepared(compiled)


def say(connection: Connection, sql: str) -> None:
    """Have the driver run a statement that neither takes nor gives anything, such as BEGIN."""
    driver: Any = connection.connection.driver_connection
    driver.execute(sql)
