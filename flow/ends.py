"""When a run ends, by how the newest runs of its agent have fared, with a range that nine in ten keep to. No I/O.

The range is that of the newest runs; how wide it has to be is learnt from how often it was kept: after each miss it
is made a little wider on that side, after each hit a little narrower (adaptive conformal inference: Gibbs and Candès
2021). So nine in ten keep to it in the long run, also while runs become slower. That a run lasts longer than it should
is known before it ends.
"""

import heapq
import itertools
import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

KEPT = 400
"""Runs that are learnt from, the newest."""

LEAST = 30
"""Runs that have to have ended before anything is said."""

MISSED = 0.1
"""The share of runs that do not keep to their range."""

_LEARNS = 0.02
_STEEP = 40.0


@dataclass(frozen=True)
class Range:
    """Seconds from its submission after which a run ends: nine in ten between `low` and `high`, half by `middle`."""

    low: float
    middle: float
    high: float


@dataclass
class Lengths:
    """How long the newest runs took, and which shares of them the range leaves out below and above."""

    below: float = MISSED / 2
    above: float = MISSED / 2
    _newest: deque[float] = field(default_factory=deque[float])
    _sorted: list[float] = field(default_factory=list[float])

    def take(self, seconds: float) -> None:
        """Take how long a run took."""
        self._newest.append(seconds)
        insort(self._sorted, seconds)
        if len(self._newest) > KEPT:
            gone = self._newest.popleft()
            del self._sorted[bisect_right(self._sorted, gone) - 1]

    def came_out(self, *, below: bool, above: bool) -> None:
        """Take how a range came out that was told: whether its run ended before it, or lasts beyond it."""
        self.below = min(0.25, max(0.001, self.below + _LEARNS * (MISSED / 2 - below)))
        self.above = min(0.25, max(-0.25, self.above + _LEARNS * (MISSED / 2 - above)))

    def range(self, lasted: float = 0.0) -> Range | None:
        """When a run ends that has lasted so long; None where too few have lasted longer to say."""
        first = bisect_right(self._sorted, lasted) if lasted > 0 else 0
        many = len(self._sorted) - first
        if many < LEAST:
            return None
        low, middle, high = (self._at(first, many, share) for share in (self.below, 0.5, 1 - self.above))
        return Range(max(lasted, low), middle, high)

    def _at(self, first: int, many: int, share: float) -> float:
        """The value that this share of the next are not above: outside of what is known at the ends."""
        place = math.ceil((many + 1) * share) if share > 0.5 else math.floor((many + 1) * share)
        if place < 1:
            return 0.0
        if place > many:  # beyond all that is known, the further the more often that was too little
            return 2 * self._sorted[-1] * 2 ** (_STEEP * max(0.0, -self.above))
        return self._sorted[first + place - 1]


@dataclass
class Learnt:
    """What was learnt from runs.

    Attributes:
        lengths: How long they took.
        told: How many would have been told a range when they were submitted.
        kept: How many of these kept to it.
    """

    lengths: Lengths = field(default_factory=Lengths)
    told: int = 0
    kept: int = 0


def learn(lived: Iterable[tuple[float, float]]) -> Learnt:
    """Learn from runs, each with when it was submitted and when it ended, as if each had been told a range."""
    learnt, order = Learnt(), itertools.count()
    moments: list[
        tuple[float, int, int, float, Range | None]
    ] = []  # when what happens, how long it took, what was told

    def then(at: float, what: int, took: float, told: Range | None) -> None:
        heapq.heappush(moments, (at, what, next(order), took, told))

    for start, end in lived:
        then(start, _BEGINS, end - start, None)
    while moments:
        at, what, _, took, told = heapq.heappop(moments)
        if what == _BEGINS:
            told = learnt.lengths.range()
            then(at + took, _ENDS, took, told)
            if told is not None:
                learnt.told += 1
                learnt.kept += told.low <= took <= told.high
                if took > told.high:
                    then(at + told.high, _LATE, took, told)
        elif what == _LATE:
            learnt.lengths.came_out(below=False, above=True)
        else:
            learnt.lengths.take(took)
            if told is not None and took <= told.high:
                learnt.lengths.came_out(below=took < told.low, above=False)
    return learnt


_ENDS, _LATE, _BEGINS = range(3)
