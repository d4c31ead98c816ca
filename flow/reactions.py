"""How fast people take up questions, and who does not though they are there. No I/O.

What counts is exposure: the time in which somebody is on duty and at no question, and one waits that they may answer.
Whoever works takes one up before much of it has passed, also where others are mostly faster.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from baton.flow.cover import Cover
from baton.flow.lives import TICKS, Life, Whom
from baton.flow.staff import Interval, Staff
from baton.flow.traffic import Asked, Claimed, Closed

PATIENCE = 900.0
"""Seconds of exposure after which somebody is missed of whom nothing is known yet."""

LEAST_PATIENCE = 60.0
_LEARNT = 8
_KEPT = 60
_REMEMBERED = 12 * 3600.0
_AHEAD = 3600.0
_BACK = 36 * 3600.0

ANYBODY = "anybody"
"""Who is missed where nobody knows who may answer."""


@dataclass(frozen=True, kw_only=True)
class Missed:
    """Somebody who is there and does not take up what waits for them.

    Attributes:
        since: From when on nothing was heard of them.
        exposed: Seconds in which something waited for them since.
        waiting: How many questions wait now that they may answer.
        usual: Seconds of exposure after which they, or the others, mostly take one up; None where that is not known.
        holds: The question that they have had for far too long; None where they have none.
        alone: Whether nobody else is there who may answer.
    """

    name: str
    since: float
    exposed: float
    waiting: int
    usual: float | None
    holds: str | None
    alone: bool


@dataclass
class Lengths:
    """How long something took, the newest times."""

    kept: deque[float] = field(default_factory=lambda: deque[float](maxlen=_KEPT))

    @property
    def middle(self) -> float | None:
        """The median; None while too few are known."""
        ordered = sorted(self.kept)
        return ordered[len(ordered) // 2] if len(ordered) >= _LEARNT else None

    @property
    def patience(self) -> float:
        """Longer than this it does not take: of waits that end by chance, one in ten thousand does."""
        middle = self.middle
        if middle is None:
            return PATIENCE
        return max(LEAST_PATIENCE, 13 * middle, 1.5 * sorted(self.kept)[-2])


@dataclass(frozen=True)
class _Wait:
    """A question that waited from, to, and for whom; to infinity where it still does."""

    start: float
    end: float
    whom: Whom


class Reactions:
    """Learns how fast people are, and says whom to miss."""

    def __init__(self, staff: Staff) -> None:
        self.staff = staff
        self._taking: dict[str, Lengths] = {"": Lengths()}
        self._deciding: dict[str, Lengths] = {"": Lengths()}
        self._heard: dict[str, float] = {}
        self._asked: dict[str, tuple[float, Whom]] = {}
        self._taken: dict[str, float] = {}
        self._waits: deque[_Wait] = deque()
        self._missed: set[str] = set()
        self._duty: dict[str, Sequence[Interval]] = {}
        self._duty_for = (0.0, 0.0)

    def take(self, asked: Iterable[Asked], claimed: Sequence[Claimed], closed: Iterable[Closed]) -> None:
        """Take what has come of questions, in order."""
        for one in asked:
            self._asked[one.review] = (one.at, one.whom)
        for held in sorted(claimed, key=lambda held: held.start):
            self._claimed(held)
        for done in closed:
            known, taken = self._asked.pop(done.review, None), self._taken.pop(done.review, done.at)
            if known is not None:
                self._waits.append(_Wait(known[0], taken, known[1]))
            if done.by and done.by != "baton":
                self._hear(done.by, done.at)
        while self._waits and self._waits[0].end < self._waits[-1].end - _REMEMBERED:
            self._waits.popleft()

    def missed(self, lives: Iterable[Life], now: float) -> list[Missed]:
        """Whom to miss now."""
        held, waiting = dict[str, tuple[str, float]](), list[_Wait]()
        under_way: list[_Wait] = []
        for life in lives:
            taken = {review: start for review, (_, start, until) in life.held.items() if until / TICKS > now}
            for review, start in taken.items():
                held[life.held[review][0]] = (review, start / TICKS)
            for review, (whom, since) in life.open.items():
                if review in taken:
                    under_way.append(_Wait(since / TICKS, taken[review] / TICKS, whom))
                else:
                    waiting.append(_Wait(since / TICKS, now, whom))
        there = {whom: self._there(whom, now) for whom in {wait.whom for wait in waiting}}
        known = {name for name in self._heard if self._came(name, now)}  # on duty, whether anything waits now or not
        again = self._missed & {ANYBODY}
        names = sorted({name for some in there.values() for name in some} | held.keys() | known | again)
        found: list[Missed] = []
        for name in names:
            ours = [wait for wait in waiting if name in there[wait.whom]]
            if name in held:
                found += self._stuck_with(name, held[name], len(ours), now)
            else:
                alone = bool(ours) and all(len(there[wait.whom]) == 1 for wait in ours)
                found += self._silent(name, [*self._waits, *under_way, *waiting], len(ours), now, alone=alone)
        self._missed = {one.name for one in found}
        return found

    def _stuck_with(self, name: str, held: tuple[str, float], waiting: int, now: float) -> Iterator[Missed]:
        review, since = held
        deciding = self._of(self._deciding, name)
        if now - since > deciding.patience:
            yield Missed(
                name=name,
                since=since,
                exposed=now - since,
                waiting=waiting,
                usual=deciding.middle,
                holds=review,
                alone=False,
            )

    def _silent(self, name: str, waits: Iterable[_Wait], waiting: int, now: float, *, alone: bool) -> Iterator[Missed]:
        since = max(self._heard.get(name, 0.0), self._came(name, now))
        exposed, taking = self._exposed(name, waits, since, now), self._of(self._taking, name)
        if exposed > taking.patience:
            since = since or now - exposed
            yield Missed(
                name=name,
                since=since,
                exposed=exposed,
                waiting=waiting,
                usual=taking.middle,
                holds=None,
                alone=alone,
            )

    def _claimed(self, held: Claimed) -> None:
        asked = self._asked.get(held.review)
        if asked is not None:
            self._taken.setdefault(held.review, held.start)
            since = max(self._heard.get(held.by, 0.0), self._came(held.by, held.start))
            waits = [*self._waits, _Wait(asked[0], held.start, asked[1])]
            self._learn(self._taking, held.by, self._exposed(held.by, waits, since, held.start))
        self._learn(self._deciding, held.by, held.end - held.start)
        self._hear(held.by, held.end)

    def _hear(self, name: str, at: float) -> None:
        for one in (name, ANYBODY):
            self._heard[one] = max(at, self._heard.get(one, 0.0))

    def _exposed(self, name: str, waits: Iterable[_Wait], since: float, until: float) -> float:
        """Seconds between two times in which something waited that somebody may answer."""
        ours = [(wait.start, wait.end) for wait in waits if wait.end > since and self._may(name, wait.whom)]
        return Cover(ours).seconds(since, until)

    def _may(self, name: str, whom: Whom) -> bool:
        able = self.staff.able(*whom)
        return able is None or name in able

    def _learn(self, known: dict[str, Lengths], name: str, seconds: float) -> None:
        for one in (name, ""):
            known.setdefault(one, Lengths()).kept.append(max(0.0, seconds))

    def _of(self, known: dict[str, Lengths], name: str) -> Lengths:
        """What is known of somebody, or else of all."""
        own = known.get(name)
        return own if own is not None and own.middle is not None else known[""]

    def _there(self, whom: Whom, now: float) -> frozenset[str]:
        able = self.staff.able(*whom)
        if able is None:
            return frozenset({ANYBODY})
        self._look_up(now)
        return frozenset(name for name in able if any(start <= now < end for start, end in self._hours(name)))

    def _came(self, name: str, at: float) -> float:
        """When they came on duty who are there at a time; 0 where that is not known."""
        self._look_up(at)
        return next((start for start, end in self._hours(name) if start <= at < end), 0.0)

    def _look_up(self, at: float) -> None:
        start, end = self._duty_for
        if not start + _BACK / 2 <= at < end:
            self._duty_for, self._duty = (at - _BACK, at + _AHEAD), {}

    def _hours(self, name: str) -> Sequence[Interval]:
        if name == ANYBODY or self.staff.able((name,), ()) is None:
            return ()
        if name not in self._duty:
            self._duty[name] = self.staff.duty((name,), (), *self._duty_for).get(name, ())
        return self._duty[name]
