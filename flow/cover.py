"""Stretches of time and how much of others they cover, in arithmetic that loses nothing. No I/O.

Times are put on a grid of 2^-20 seconds, about a microsecond. On it sums and differences of up to 270 years are exact
in floating point, in whatever order: parts of a time add up to it to the last bit.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from baton.flow.staff import Interval

_PLACES = 20


def on_grid(at: float) -> float:
    """The time on the grid that is nearest."""
    return math.ldexp(round(math.ldexp(at, _PLACES)), -_PLACES)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same stretches, on the grid, in order and apart from one another."""
    found: list[Interval] = []
    for start, end in sorted((on_grid(start), on_grid(end)) for start, end in intervals):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def without(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """What is left of stretches of time where others are taken away, on the grid and in order."""
    left, away = list[Interval](), merged(taken)
    place = 0
    for start, end in merged(intervals):
        while place < len(away) and away[place][1] <= start:
            place += 1
        at, look = start, place
        while look < len(away) and away[look][0] < end:
            if away[look][0] > at:
                left.append((at, away[look][0]))
            at, look = max(at, away[look][1]), look + 1
        if at < end:
            left.append((at, end))
    return left


class Cover:
    """Stretches of time that are asked again and again how much of others they cover."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        """Take them in whatever order, overlapping or not."""
        self._stretches = merged(intervals)
        self._starts = [start for start, _ in self._stretches]
        self._before = [0.0]
        for start, end in self._stretches:
            self._before.append(self._before[-1] + (end - start))

    @property
    def stretches(self) -> Sequence[Interval]:
        """They, in order and apart from one another."""
        return self._stretches

    def seconds(self, start: float, end: float) -> float:
        """How much of the time from `start` to `end` they cover."""
        start, end = on_grid(start), on_grid(end)
        return self._until(end) - self._until(start) if start < end else 0.0

    def _until(self, at: float) -> float:
        place = bisect_right(self._starts, at)
        if not place:
            return 0.0
        start, end = self._stretches[place - 1]
        return self._before[place - 1] + (min(at, end) - start)
