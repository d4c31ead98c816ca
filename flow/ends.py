"""When a run ends, by how the newest runs of its agent have fared, with a range that nine in ten keep to. No I/O.

The range is that of the newest runs; how wide it has to be is learnt from how often it was kept: after each miss it is
made a little wider, after each hit a little narrower (adaptive conformal inference: Gibbs and Candès 2021). So nine in
ten keep to it in the long run, also while runs become slower.
"""

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


@dataclass(frozen=True)
class Range:
    """Seconds from its submission after which a run ends: nine in ten between `low` and `high`, half by `middle`."""

    low: float
    middle: float
    high: float


@dataclass
class Lengths:
    """How long the newest runs took, and how wide a range has to be."""

    miss: float = MISSED
    _newest: deque[float] = field(default_factory=deque[float])
    _sorted: list[float] = field(default_factory=list[float])

    def take(self, seconds: float, told: Range | None) -> None:
        """Take how long a run took, and the range that was told when it was submitted; None for none."""
        if told is not None:
            missed = not told.low <= seconds <= told.high
            self.miss = min(0.5, max(0.002, self.miss + _LEARNS * (MISSED - missed)))
        self._newest.append(seconds)
        insort(self._sorted, seconds)
        if len(self._newest) > KEPT:
            gone = self._newest.popleft()
            del self._sorted[bisect_right(self._sorted, gone) - 1]

    def range(self, lasted: float = 0.0) -> Range | None:
        """When a run ends that has lasted so long; None where too few have lasted longer to say."""
        first = bisect_right(self._sorted, lasted) if lasted > 0 else 0
        many = len(self._sorted) - first
        if many < LEAST:
            return None
        low, middle, high = (self._at(first, many, share) for share in (self.miss / 2, 0.5, 1 - self.miss / 2))
        return Range(max(lasted, low), middle, high)

    def _at(self, first: int, many: int, share: float) -> float:
        """The value that this share of the next are not above: outside of what is known at the ends."""
        place = math.ceil((many + 1) * share) if share > 0.5 else math.floor((many + 1) * share)
        if place < 1:
            return 0.0
        if place > many:
            return 2 * self._sorted[-1]
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
    begun = sorted(lived)
    learnt, ends = Learnt(), deque(sorted((end, start) for start, end in begun))
    ranges: dict[tuple[float, float], Range] = {}

    def take(until: float) -> None:
        while ends and ends[0][0] <= until:
            end, start = ends.popleft()
            learnt.lengths.take(end - start, ranges.get((start, end)))

    for start, end in begun:
        take(start)
        told = learnt.lengths.range()
        if told is not None:
            ranges[start, end] = told
            learnt.told += 1
            learnt.kept += told.low <= end - start <= told.high
    take(math.inf)
    return learnt
