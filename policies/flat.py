"""A JSON value as one flat text of all that stands in it, from whose places the paths are found again.

Results of tools may be many small fields, and most are never asked for. So taking one in is left to loops that run in
C: the value is unfolded level by level, not field by field, and the path of a leaf is worked out when it is found.
"""

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, islice, repeat
from typing import Any

SEPARATOR = "\0"
"""Stands between the leaves of the flat text, at its beginning and at its end."""

_CONTAINERS: tuple[type[Any], ...] = (dict, list, tuple)


_VALUES: Callable[[Any], Iterable[Any]] = operator.methodcaller("values")


class Level:
    """What stands in the objects, or in the lists, of one depth.

    Args:
        above: The level that these objects or lists stand in; None for the value itself.
        places: Where they stand in it.
        parents: The objects or lists.
    """

    def __init__(self, above: "Level | None", places: Sequence[int], parents: Sequence[Any]) -> None:
        self._above, self._places = above, places
        self._parents, self._named = parents, isinstance(parents[0], dict)
        inner = map(_VALUES, parents) if self._named else parents
        self.values: list[Any] = list(chain.from_iterable(inner))
        self._ends = list(accumulate(map(len, parents)))
        self._kinds: set[type[Any]] = set(map(type, self.values))
        self._inner: set[type[Any]] = {kind for kind in self._kinds if issubclass(kind, _CONTAINERS)}

    def path(self, place: int) -> tuple[str, ...]:
        """The names that lead to the value at `place`, without positions in lists."""
        names: list[str] = []
        level, above = self, self._above
        while above is not None:
            parent = bisect_right(level._ends, place)
            if level._named:
                before = level._ends[parent - 1] if parent else 0
                names.append(str(next(islice(level._parents[parent], place - before, None))))
            place = level._places[parent]
            level, above = above, above._above
        return tuple(reversed(names))

    def below(self) -> Iterator["Level"]:
        """The levels of the objects and of the lists that stand in this one, one for each type of them."""
        if self._inner and self._inner == self._kinds and len(self._inner) == 1:
            yield Level(self, range(len(self.values)), self.values)
            return
        for kind in self._inner:
            fitting = list(map(operator.is_, map(type, self.values), repeat(kind)))
            places = list(compress(range(len(self.values)), fitting))
            yield Level(self, places, list(compress(self.values, fitting)))

    def text(self) -> str:
        """Its leaves as text; null and what is unfolded further down are empty."""
        if self._inner and self._inner == self._kinds:
            return SEPARATOR * (len(self.values) - 1)
        try:
            text = SEPARATOR.join(map(_written, self.values) if self._inner else map(str, self.values))
        except ValueError:  # a number of more digits than Python writes
            text = SEPARATOR.join(map(_written, self.values))
        if text.count(SEPARATOR) != len(self.values) - 1:
            text = SEPARATOR.join(_written(value).replace(SEPARATOR, "?") for value in self.values)
        return text


class Flat:
    """All levels of a JSON value.

    Attributes:
        text: Every leaf as text, `SEPARATOR` around each.
    """

    def __init__(self, content: Any) -> None:
        self.levels = _levels(content)
        filled = [level for level in self.levels if level.values]
        self._levels = filled
        self._starts = [0, *accumulate(len(level.values) for level in filled)]
        self.text = SEPARATOR.join(["", *(level.text() for level in filled), ""])

    def leaf(self, number: int) -> tuple[tuple[str, ...], Any]:
        """The path and value of a leaf by its number in the text, from 0."""
        at = bisect_right(self._starts, number) - 1
        level, place = self._levels[at], number - self._starts[at]
        return level.path(place), level.values[place]


def _levels(content: Any) -> list[Level]:
    found = [Level(None, (), ([content],))]
    for level in found:
        found.extend(level.below())
    return found


def _written(value: Any) -> str:
    if value is None or isinstance(value, _CONTAINERS):
        return ""
    try:
        return str(value)
    except ValueError:
        return ""
