"""Rules of alerts: a figure is too high or low, stays away, changes fast, or will be too high. No I/O."""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from baton.core import InvalidValue, format_duration, format_time, time_zone
from baton.flow.gauges import GAUGES
from baton.ledger.alerts import Finding

Severity = Literal["notice", "warning", "urgent"]

LONGEST = 7 * 86400.0
"""The longest time that a rule looks back or ahead, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When to raise an alert. Exactly one of the conditions is given.

    Attributes:
        name: What it is called.
        figure: One of `GAUGES`.
        above: The figure is higher.
        below: The figure is lower.
        absent: The figure is 0, for `lasting`.
        rises: The figure has risen by this share within `within`: 0.5 is by half.
        reaches: The figure will be as high within `within`, as it has gone in as long a time before.
        within: Seconds that `rises` looks back, and `reaches` ahead.
        lasting: Seconds that it has to be so.
        severity: How bad it is; only what is urgent is told in quiet hours.
        do: What to do, such as a command.
        tell: Roles or people that are written to; empty is whoever is written to about anything.
    """

    name: str
    figure: str
    above: float | None = None
    below: float | None = None
    absent: bool = False
    rises: float | None = None
    reaches: float | None = None
    within: float = 3600.0
    lasting: float = 0.0
    severity: Severity = "warning"
    do: str = ""
    tell: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a figure that there is not, no condition or several, or a time that cannot be one.
        """
        about = f"of alert {self.name}"
        if self.figure not in GAUGES:
            raise InvalidValue(f"figure {about}", self.figure, " or ".join(GAUGES))
        given = [self.above is not None, self.below is not None, self.absent, self.rises is not None]
        if sum([*given, self.reaches is not None]) != 1:
            raise InvalidValue(f"condition {about}", "none, or several", "one of above, below, absent, rises, reaches")
        if self.absent and not self.lasting > 0:
            raise InvalidValue(f"for {about}", self.lasting, "a time above 0, for which it is absent")
        for name, seconds in (("within", self.within), ("for", self.lasting)):
            if not 0 <= seconds <= LONGEST or (name == "within" and seconds == 0):
                raise InvalidValue(f"{name} {about}", seconds, "a time up to 7 days")


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """Hours of each day in which only what is urgent is told; they may go over midnight."""

    start: time
    end: time
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Refuse a zone that there is not.

        Raises:
            InvalidValue: if there is none of that name.
        """
        time_zone(self.zone)

    def holds(self, at: float) -> bool:
        """Whether it is quiet at a time, in seconds since 1970."""
        clock = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(self.zone)).time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, kw_only=True)
class Alarms:
    """What is told of how it goes.

    Attributes:
        rules: When, beside the troubles that are found without any.
        troubles: Whether those are told as well.
        quiet: When only what is urgent is told; None is never.
        group: Seconds between two messages: what comes in between is told together.
        tell: Roles or people that are written to of troubles; empty is whoever is written to about anything.
    """

    rules: tuple[Rule, ...] = ()
    troubles: bool = True
    quiet: Quiet | None = None
    group: float = 300.0
    tell: tuple[str, ...] = ()


@dataclass
class Samples:
    """Figures as they were, the oldest first."""

    kept: deque[tuple[float, Mapping[str, float]]] = field(default_factory=deque[tuple[float, Mapping[str, float]]])

    def take(self, at: float, figures: Mapping[str, float], longest: float) -> None:
        """Take what they are at a time, and let go of what no rule looks back to."""
        self.kept.append((at, figures))
        while len(self.kept) > 2 and self.kept[1][0] <= at - longest:
            self.kept.popleft()

    def of(self, figure: str, since: float) -> list[tuple[float, float]]:
        """What a figure was since a time."""
        return [(at, figures[figure]) for at, figures in self.kept if at >= since]


class Watching:
    """Holds rules against figures as they come."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._samples = Samples()
        self._since: dict[str, float] = {}
        self._longest = max((rule.within for rule in rules), default=0.0)

    def look(self, at: float, figures: Mapping[str, float]) -> list[Finding]:
        """What is to be told of how the figures are at a time."""
        self._samples.take(at, figures, self._longest)
        return [found for rule in self.rules for found in self._held(rule, at, figures[rule.figure])]

    def _held(self, rule: Rule, at: float, value: float) -> Iterator[Finding]:
        said = self._said(rule, at, value)
        if said is None:
            self._since.pop(rule.name, None)
            return
        since = self._since.setdefault(rule.name, at)
        if at - since >= rule.lasting:
            lasting = f", since {format_time(since)}" if rule.lasting else ""
            yield Finding(
                name=rule.name,
                about=rule.figure,
                severity=rule.severity,
                says=f"{rule.name}: {said}.",
                cause="",
                evidence=f"{GAUGES[rule.figure]}: {value:g}{lasting}",
                way_out=rule.do,
                began=since,
            )

    def _said(self, rule: Rule, at: float, value: float) -> str | None:
        """What is wrong, in words; None where nothing is."""
        figure = rule.figure
        if rule.above is not None:
            return f"{figure} is {value:g}, above {rule.above:g}" if value > rule.above else None
        if rule.below is not None:
            return f"{figure} is {value:g}, below {rule.below:g}" if value < rule.below else None
        if rule.absent:
            return f"{figure} is 0" if value == 0 else None
        known = self._samples.of(figure, at - rule.within)
        if len(known) < 2 or known[-1][0] - known[0][0] < rule.within / 2:
            return None
        if rule.rises is not None:
            first = known[0][1]
            risen = value > first * (1 + rule.rises) and value > 0
            return f"{figure} has gone from {first:g} to {value:g} in {_length(at - known[0][0])}" if risen else None
        assert rule.reaches is not None
        ahead = _until(known, value, rule.reaches)
        if ahead is None or ahead > rule.within:
            return None
        return f"{figure} is {value:g} and will be {rule.reaches:g} in {_length(ahead)}, as it goes"


def _until(known: Sequence[tuple[float, float]], value: float, wanted: float) -> float | None:
    """Seconds until a figure is so high, by the lower end of its slope (two standard errors); None if it never is."""
    if value >= wanted:
        return 0.0
    count = len(known)
    middle, mean = sum(at for at, _ in known) / count, sum(one for _, one in known) / count
    spread = sum((at - middle) ** 2 for at, _ in known)
    if count < 3 or spread <= 0:
        return None
    slope = sum((at - middle) * (one - mean) for at, one in known) / spread
    left = sum((one - mean - slope * (at - middle)) ** 2 for at, one in known)
    sure = slope - 2 * math.sqrt(left / (count - 2) / spread)
    return (wanted - value) / sure if sure > 0 else None


def _length(seconds: float) -> str:
    return format_duration(seconds) if seconds >= 1 else "no time"
