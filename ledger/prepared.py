"""Statements that run often, handed to the driver as text: SQLAlchemy builds them once and is not asked again.

SQLAlchemy's own execution costs several times what SQLite takes to run a statement. What it would still have to do for
each execution (lists that are empty, defaults made in Python) is left to it. A list of values is made as long as the
next power of two, by its last value: so there is a handful of texts, whatever the lengths.
"""

import collections
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

from sqlalchemy import Connection, Dialect, Executable

Values = Mapping[str, Any]
_ATTRIBUTE = "_baton_prepared"


class Prepared:
    """A statement as text, with the places of its values.

    Attributes:
        sql: In the driver's own style.
    """

    def __init__(self, compiled: Any, given: Values) -> None:
        wanted = {name for name, bind in compiled.binds.items() if bind.required}
        expanded = compiled.construct_expanded_state({**compiled.params, **_padded(given)})
        lists: Mapping[str, Sequence[str]] = expanded.parameter_expansion
        self.sql: str = expanded.statement
        self._places: Sequence[str] | None = expanded.positiontup  # None where the driver takes names
        self._lists = {name: places for name, places in lists.items() if name in wanted}
        asked = wanted.union(*self._lists.values())
        self._fixed: Values = {name: value for name, value in expanded.parameters.items() if name not in asked}
        self._processors: Mapping[str, Callable[[Any], Any]] = {**compiled._bind_processors, **expanded.processors}
        self._make: Any = None

    def values(self, given: Values) -> Any:
        """The values as the driver takes them."""
        all_ = {**self._fixed, **given}
        for name, places in self._lists.items():
            all_ |= zip(places, _as_many(all_.pop(name), len(places)), strict=True)
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
    if _known(statement) is None:
        _begin(statement)


def prepared(statement: Executable, dialect: Dialect, given: Values, *, many: bool) -> Prepared | None:
    """The statement as text for values like these; None the first time, and where SQLAlchemy has to run it itself."""
    known = _known(statement)
    if known is None:
        _begin(statement)  # most statements that are built on the spot never come again
        return None
    lengths = tuple(_length(value) for value in given.values() if _is_many(value))
    key = (dialect.name, dialect.paramstyle, many, tuple(given), lengths)
    if key not in known:
        known[key] = None if 0 in lengths else _compiled(statement, dialect, given, many=many)
    found: Prepared | None = known[key]
    return found


def _known(statement: Executable) -> dict[Any, Any] | None:
    """The texts of a statement by what they are for; None where it has not run, whatever it was made of."""
    found: tuple[int, dict[Any, Any]] | None = statement.__dict__.get(_ATTRIBUTE)
    return found[1] if found is not None and found[0] == id(statement) else None


def _begin(statement: Executable) -> None:
    """Keep the texts of a statement from now on; with whose they are, as `where` and the like copy what it carries."""
    statement.__dict__[_ATTRIBUTE] = (id(statement), {})


def _compiled(statement: Any, dialect: Dialect, given: Values, *, many: bool) -> Prepared | None:
    keys = None if statement.is_select else list(given)
    compiled = statement.compile(dialect=dialect, column_keys=keys, for_executemany=many)
    lists = "POSTCOMPILE" in compiled.string
    if (lists and many) or compiled.literal_execute_params or compiled.insert_prefetch or compiled.update_prefetch:
        return None
    return Prepared(compiled, given)


def _is_many(value: Any) -> bool:
    return type(value) in (list, tuple)


def _length(items: Sized) -> int:
    """The next power of two; 0 for none."""
    return 1 << (len(items) - 1).bit_length() if items else 0


def _padded(given: Values) -> Values:
    return {name: _as_many(v, _length(v)) if _is_many(v) else v for name, v in given.items()}


def _as_many(items: Any, length: int) -> Any:
    """A list or tuple made longer by its last item."""
    return items + items[-1:] * (length - len(items))


def say(connection: Connection, sql: str) -> None:
    """Have the driver run a statement that neither takes nor gives anything, such as BEGIN."""
    driver: Any = connection.connection.driver_connection
    driver.execute(sql)
