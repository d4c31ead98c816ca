"""When somebody works: the hours of a week in a time zone, and public holidays. No I/O.

Spans of time are half-open, in seconds since 1970. Hours are read by the clocks of their zone: a shift over a night in
which the clocks change is an hour shorter or longer. Of a time that the clocks leave out, the moment at which they are
moved counts; of one that comes twice, the first.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from baton.core.errors import InvalidValue

if TYPE_CHECKING:
    from holidays import HolidayBase

Span = tuple[float, float]
"""From the first moment up to the second, which is not in it; seconds since 1970."""

FAR = 400 * 86400.0
"""Seconds ahead in which somebody is looked for; who does not work in them never does."""

LOOKS = (2 * 86400.0, 16 * 86400.0, FAR)
"""Seconds ahead that are looked through one after the other, as mostly somebody is found soon."""


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Working hours that begin on one day of the week.

    Attributes:
        weekday: 0 is Monday.
        start: Local time.
        end: Local time; at or before `start` it is on the next day, so that 00:00 to 00:00 is the whole day.
    """

    weekday: int
    start: time
    end: time


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """The working hours of a week.

    Attributes:
        zone: The IANA name of the time zone of the hours.
        hours: Any number a day.
        holidays: A country by its ISO code, or a region of it, such as `DE` or `DE-BE`, on whose public holidays no
            hours begin; None knows no holidays.
    """

    zone: str = "UTC"
    hours: tuple[Hours, ...] = ()
    holidays: str | None = None

    def spans(self, start: float, end: float) -> list[Span]:
        """When they work between two moments: sorted, none touching another."""
        zone = ZoneInfo(self.zone)
        day = datetime.fromtimestamp(start, UTC).astimezone(zone).date() - timedelta(days=1)
        last = datetime.fromtimestamp(end, UTC).astimezone(zone).date()
        found: list[Span] = []
        known = _known_days(self)
        while day <= last:
            if day not in known:
                known[day] = _of_day(self, day)
            found += known[day]
            day += timedelta(days=1)
        return common(merged(found), [(start, end)])

    def on_duty(self, at: float) -> bool:
        """Whether they work at a moment."""
        return bool(self.spans(at, at + 1e-3))

    def next_on_duty(self, at: float) -> float | None:
        """The first moment from `at` on at which they work; None if there is none within `FAR`."""
        return next((spans[0][0] for ahead in LOOKS if (spans := self.spans(at, at + ahead))), None)

    def staffed(self, start: float, end: float) -> float:
        """Seconds that they work between two moments."""
        return seconds(self.spans(start, end))


def next_common(calendars: Sequence[Calendar], at: float) -> float | None:
    """The first moment from `at` on that lies in the hours of all of these; None if there is none within `FAR`."""
    for ahead in LOOKS:
        spans = [(at, at + ahead)]
        for calendar in calendars:
            spans = common(spans, calendar.spans(at, at + ahead))
        if spans:
            return spans[0][0]
    return None


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch or overlap made one, empty ones left out."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return found


def common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in both of two merged lists."""
    found: list[Span] = []
    at = 0
    for start, end in some:
        while at < len(others) and others[at][1] <= start:
            at += 1
        for begun, ended in others[at:]:
            if begun >= end:
                break
            found.append((max(start, begun), min(end, ended)))
    return found


def without(some: Sequence[Span], others: Iterable[Span]) -> list[Span]:
    """What lies in a merged list and in none of the others."""
    left = list(some)
    for begun, ended in merged(others):
        left = [
            part for start, end in left for part in ((start, min(end, begun)), (max(start, ended), end)) if _holds(part)
        ]
    return left


def seconds(spans: Iterable[Span]) -> float:
    """How long spans are together."""
    return sum(end - start for start, end in spans)


def levels(of_each: Iterable[Sequence[Span]]) -> list[tuple[float, float, int]]:
    """From when to when how many of several lists of spans hold: only where it is one at least, in order."""
    changes = heapq.merge(
        *(((at, step) for span in spans for at, step in ((span[0], 1), (span[1], -1))) for spans in of_each)
    )
    found: list[tuple[float, float, int]] = []
    since, count = 0.0, 0
    for at, step in changes:
        if count and at > since:
            found.append((since, at, count))
        since, count = at, count + step
    return found


def is_holiday(place: str, day: date) -> bool:
    """Whether a date is a public holiday of a country, or of a region of it, such as `DE` or `DE-BE`.

    Raises:
        InvalidValue: if there is no such country or region.
    """
    return day in _holidays(place)


@lru_cache(maxsize=64)
def _holidays(place: str) -> "HolidayBase":
    import holidays  # loads tables of its own: only where somebody asks for them

    country, _, region = place.partition("-")
    try:
        return holidays.country_holidays(country.upper(), subdiv=region or None)
    except NotImplementedError as error:
        allowed = "a country by its ISO code, and a region behind a hyphen, such as DE or DE-BE"
        raise InvalidValue("holidays", place, allowed) from error


@lru_cache(maxsize=1000)
def _known_days(_calendar: Calendar) -> dict[date, tuple[Span, ...]]:
    """The days of a calendar that were worked out before: the same few weeks are asked for again and again."""
    return {}


def _of_day(calendar: Calendar, day: date) -> tuple[Span, ...]:
    """The spans of the hours that begin on a day."""
    hours = [each for each in calendar.hours if each.weekday == day.weekday()]
    if not hours or (calendar.holidays is not None and is_holiday(calendar.holidays, day)):
        return ()
    zone, next_day = ZoneInfo(calendar.zone), day + timedelta(days=1)
    spans = [
        (_moment(day, each.start, zone), _moment(next_day if each.end <= each.start else day, each.end, zone))
        for each in hours
    ]
    return tuple(span for span in spans if _holds(span))


def _moment(day: date, at: time, zone: ZoneInfo) -> float:
    """When the clocks of a zone show a time: the first of two, or the moment at which they leap over it."""
    local = datetime.combine(day, at, zone)
    late, early = local.timestamp(), local.replace(fold=1).timestamp()
    if early >= late:
        return late
    before = datetime.fromtimestamp(early, zone).utcoffset()
    while late - early > 0.5:  # left out: the clocks are moved in between, at a whole second
        middle = (early + late) / 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return float(round(late))


def _holds(span: Span) -> bool:
    return span[0] < span[1]
