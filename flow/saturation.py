"""When people will be asked more than they can answer, if it goes on as it does. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

DAY = 86400.0

LEAST_DAYS = 7
"""Whole days that have to be known before anything is said of those to come."""

AHEAD = 60
"""Days that are looked ahead."""

FULL = 0.9
"""The share of their time on duty above which people fall behind, as questions do not come evenly."""

_SURE = 1.64


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """How the load goes.

    Attributes:
        load: The share of their time on duty that questions take today.
        growth: Questions a day more each day; with its standard error.
        error: The error.
        day: The first day on which the load is above `FULL`, in seconds since 1970; None if it is not within `AHEAD`.
        earliest: The same if it grows as fast as it may well do (one in twenty).
        latest: And as slowly; None if it then never is.
    """

    load: float
    growth: float
    error: float
    day: float | None
    earliest: float | None
    latest: float | None


def saturation(asked: Sequence[int], start: float, work: float, on_duty: Sequence[float]) -> Saturation | None:
    """How the load goes; None where too little is known, or nobody has said when people are on duty.

    Args:
        asked: Questions that were asked on each of the last whole days, the newest last.
        start: When the day after them begins, in seconds since 1970.
        work: Seconds that a question takes.
        on_duty: Seconds in which people are on duty, all together, on that day and each of the next.
    """
    usable = list(asked)
    while usable and usable[0] == 0:  # before anything was recorded
        usable.pop(0)
    if len(usable) < LEAST_DAYS or not on_duty or work <= 0:
        return None
    weekly = _weekly(usable)
    level, slope, error, middle = _line([many / weekly[-(len(usable) - at) % 7] for at, many in enumerate(usable)])

    def day(growth: float) -> float | None:
        for ahead, seconds in enumerate(on_duty[:AHEAD]):
            at = len(usable) + ahead
            many = max(0.0, level + growth * (at - middle)) * weekly[ahead % 7]
            if many * work > FULL * seconds and many >= 1:
                return start + ahead * DAY
        return None

    today = on_duty[0] or max(on_duty)
    now = max(0.0, level + slope * (len(usable) - middle)) * weekly[0]
    grows = slope - _SURE * error > 0
    full = now * work > FULL * today
    return Saturation(
        load=now * work / today if today else math.inf,
        growth=slope,
        error=error,
        day=day(slope) if grows or full else None,
        earliest=day(slope + _SURE * error) if grows or full else None,
        latest=day(slope - _SURE * error) if grows or full else None,
    )


def _weekly(asked: Sequence[int]) -> list[float]:
    """How much more than on average comes on each day of a week, the first being that of the day after the last."""
    if len(asked) < 14:
        return [1.0] * 7
    mean, slope, _, middle = _line(asked)  # so that growth is not taken for the days of a week
    share = [many / max(0.5, mean + slope * (at - middle)) for at, many in enumerate(asked)]
    found: list[float] = []
    for place in range(7):
        same = [share[at] for at in range(len(asked)) if (len(asked) - at) % 7 == (7 - place) % 7]
        found.append(max(0.05, sum(same) / len(same)))
    return found


def _line(values: Sequence[float]) -> tuple[float, float, float, float]:
    """The least squares: the mean, the slope, the slope's standard error, and the middle of the places."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    spread = sum((at - middle) ** 2 for at in range(count))
    slope = sum((at - middle) * (value - mean) for at, value in enumerate(values)) / spread
    left = sum((value - mean - slope * (at - middle)) ** 2 for at, value in enumerate(values))
    return mean, slope, math.sqrt(left / (count - 2) / spread), middle
