"""Whether a figure has shifted, and since when: cumulative sums over single values. No I/O.

A sum grows by how much better "it has shifted" explains each value than "it has not", and never falls below nothing
(Page 1954). What it grew from is when the shift began; how high it has to be says how rarely a calm stream gives alarm.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from baton.flow.usual import Usual

LEARNT = 30
"""Values of a stream before anything is said of the next."""

SURE = 16.0
"""How high a sum has to be, in nats: a calm stream gets there about once in exp(16), nine million values."""

_FORGETS = 1 / 400


@dataclass(frozen=True)
class Shift:
    """That a stream has shifted.

    Attributes:
        began: When, in seconds since 1970.
        found: When that was sure.
        usual: What the figure was before.
        now: What it is since.
    """

    began: float
    found: float
    usual: float
    now: float


@dataclass
class Slower:
    """Whether durations have grown: by half at least, and beyond how they scatter.

    They are taken by their logarithms, each no further from the mean than `_CUT` deviations: one that hung is no shift.
    `floor` is the duration in seconds below which nobody minds.
    """

    floor: float = 0.1
    shift: Shift | None = None
    _count: int = 0
    _mean: float = 0.0
    _square: float = 0.0
    _sum: float = 0.0
    _began: float = 0.0
    _high: list[float] = field(default_factory=list[float])
    _last: deque[float] = field(default_factory=lambda: deque[float](maxlen=8))

    def take(self, at: float, seconds: float) -> None:
        """Take a duration that ended at a time."""
        value = math.log(max(seconds, self.floor))
        self._last.append(value)
        if self.shift is not None:
            self._is_over()
            return
        if self._count < LEARNT:
            self._learn(value)
            return
        off = max(-_CUT, min(_CUT, (value - self._mean) / self._deviation))
        grown = self._sum + off - 1.0  # half of the two deviations that are looked for
        if grown <= 0:
            for one in (*self._high, value):  # it was nothing: then it is usual
                self._learn(one)
            self._sum, self._high = 0.0, []
            return
        if self._sum == 0.0:
            self._began = at - seconds
        self._sum = grown
        self._high.append(value)
        if 2 * self._sum > SURE and _middle(self._high) > self._mean + math.log(1.5):
            usual, now = math.exp(self._mean), math.exp(_middle(self._high))
            self.shift = Shift(self._began, at, usual, now)

    def _is_over(self) -> None:
        if len(self._last) == self._last.maxlen and _middle(self._last) < self._mean + math.log(1.3):
            self.shift, self._sum, self._high = None, 0.0, []

    def _learn(self, value: float) -> None:
        self._count += 1
        weight = max(1 / self._count, _FORGETS)
        off = value - self._mean
        self._mean += weight * off
        self._square += weight * (off * off * (1 - weight) - self._square)

    @property
    def _deviation(self) -> float:
        return max(math.sqrt(self._square), 0.15)


_CUT = 3.0


@dataclass
class Oftener:
    """Whether something comes far oftener than usual.

    It is looked for whether it comes four times as often; seven times as often while only today is known, when a shift
    that begins may look like it.

    Attributes:
        usual: What is usual.
        least: How many have to have come.
    """

    usual: Usual = field(default_factory=Usual)
    least: int = 15
    shift: Shift | None = None
    _last: float | None = None
    _sum: float = 0.0
    _began: float = 0.0
    _many: int = 0
    _late: deque[float] = field(default_factory=deque[float])

    def take(self, at: float) -> None:
        """Take one that came at a time."""
        self._late.append(at)
        if len(self._late) > _MOST_LATE:
            self._late.popleft()
        rate, before = self.usual.rate(at), self._last
        times = 4.0 if self.usual.knows_days(at) else 7.0
        self._last = at
        if self.shift is None:
            self.usual.take(at)
        if rate is None or before is None or self.shift is not None:
            return
        grown = self._sum + math.log(times) - (times - 1) * rate * (at - before)
        if grown <= 0:
            self._sum, self._many = 0.0, 0
            return
        if self._sum == 0.0:
            self._began, self._many = at, 0
        self._sum, self._many = grown, self._many + 1
        if self._sum > SURE and self._many >= self.least:
            self.shift = Shift(self._began, at, rate, self._many / max(1.0, at - self._began))

    def look(self, now: float) -> None:
        """See whether it is over: of late it has come no more than twice as often as usual."""
        if self.shift is None:
            return
        while self._late and self._late[0] < now - _LATE:
            self._late.popleft()
        if len(self._late) / _LATE < 2 * self.shift.usual:
            self.shift, self._sum, self._many, self._last = None, 0.0, 0, now


_MOST_LATE = 5_000
_LATE = 300.0
"""Seconds over which it is seen whether something is over."""


@dataclass
class Worse:
    """Whether a share has grown: of calls that fail, of proposals that are rejected."""

    shift: Shift | None = None
    _seen: int = 0
    _hits: float = 0.0
    _all: float = 1.0
    _sum: float = 0.0
    _began: float = 0.0
    _run: list[bool] = field(default_factory=list[bool])
    _last: deque[bool] = field(default_factory=lambda: deque[bool](maxlen=12))

    def take(self, at: float, hit: bool) -> None:
        """Take one; `hit` is whether it is of those whose share is looked at."""
        self._last.append(hit)
        usual = self._usual
        if self.shift is not None:
            full = len(self._last) == self._last.maxlen
            if full and sum(self._last) / len(self._last) <= usual + 0.1:
                self.shift, self._sum, self._run = None, 0.0, []
            return
        if self._seen < _FIRST:
            self._seen += 1
            self._learn(hit)
            return
        bad = self._bad(usual)
        grown = self._sum + (math.log(bad / usual) if hit else math.log((1 - bad) / (1 - usual)))
        if grown <= 0:
            for one in (*self._run, hit):  # it was nothing: then it is usual
                self._learn(one)
            self._sum, self._run = 0.0, []
            return
        if self._sum == 0.0:
            self._began = at
        self._sum = grown
        self._run.append(hit)
        if self._sum > SURE:
            self.shift = Shift(self._began, at, self._hits / self._all, sum(self._run) / len(self._run))

    @property
    def _usual(self) -> float:
        """The share that is usual, at most: as far above what was seen as chance may well be."""
        share = self._hits / self._all
        return min(_MOST_USUAL, share + 1.5 * math.sqrt(share * (1 - share) / self._all) + 1 / self._all)

    def _bad(self, usual: float) -> float:
        return min(0.9, max(0.3, 3 * usual))

    def _learn(self, hit: bool) -> None:
        if self._all > 400:
            self._hits, self._all = self._hits / 2, self._all / 2
        self._hits, self._all = self._hits + hit, self._all + 1


_FIRST = 40
"""Values from which is learnt what share is usual, before anything is said of the next."""

_MOST_USUAL = 0.4
"""A share above it is wrong however long it has been so."""


def _middle(values: "deque[float] | list[float]") -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
