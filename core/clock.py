"""The clock as a port, and durations as people write them."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from baton.core.errors import InvalidValue

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Seconds since 1970 in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since 1970 in UTC."""
        return time.time()


class OffsetClock:
    """A clock that runs ahead of another by what is measured now and then: a server's time, asked seldom."""

    def __init__(self, base: Clock, measure: Callable[[], float]) -> None:
        self._base, self._measure = base, measure
        self._offset = measure()

    @property
    def offset(self) -> float:
        """Seconds that it is ahead."""
        return self._offset

    def now(self) -> float:
        """Seconds since 1970 in UTC."""
        return self._base.now() + self._offset

    def measure(self) -> None:
        """Measure again."""
        self._offset = self._measure()


class ManualClock:
    """A clock for tests: stands still until it is moved."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since 1970 in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self._now += seconds


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `90s`, `2h` or `1d 12h`.

    Raises:
        InvalidValue: if the text is anything else.
    """
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise InvalidValue("duration", text, "a number with s, m, h, d or w, such as '90s', '2h' or '1d 12h'")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError as error:
        raise InvalidValue("duration", text, "less than a thousand million days") from error


def format_duration(seconds: float) -> str:
    """The two largest units of a duration: `1 d 4 h`, `5 min`, `12 s`."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def format_time(at: float) -> str:
    """A time for people: `2026-11-22 14:45 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
