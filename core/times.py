"""Times as people say them: with an offset, in a time zone, or as the next time of day. No I/O.

A local time that a change of the clocks leaves out is moved forward by as much as the clocks are (02:30 becomes
03:30); one that comes twice is the first of the two, unless an offset says which. RFC 5545, 3.3.5, reads them so.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from baton.core.clock import format_time, parse_duration
from baton.core.errors import InvalidValue

LONGEST = timedelta(days=36525)
"""A century: nothing is waited for longer."""

_TIME_OF_DAY = re.compile(r"\d{2}:\d{2}(:\d{2})?")
_ALLOWED = "a date and time such as 2026-11-23T08:00 or 2026-11-23T08:00+01:00, or a time of day such as 08:00"
_DAY_OR_TIME = "a date such as 2026-11-23, or a date and time such as 2026-11-23T08:00 or 2026-11-23T08:00+01:00"
_DEADLINE = "a duration such as 2h, or a time with its offset such as 2026-11-23T08:00+01:00"


def time_zone(name: str) -> ZoneInfo:
    """The time zone with an IANA name such as `Europe/Berlin`.

    Raises:
        InvalidValue: if there is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidValue("time zone", name, "an IANA name such as Europe/Berlin or UTC") from error


def parse_time(text: str, *, now: float, zone: str = "UTC") -> float:
    """When a time that somebody has named comes, in seconds since 1970.

    Args:
        text: A date and time of ISO 8601, with an offset or local to `zone`; or a local time of day, which is the
            next one.
        now: Seconds since 1970; what is named must lie behind it.
        zone: The IANA name of the time zone that local times are in.

    Raises:
        InvalidValue: if it cannot be read, has passed, or is more than a century away; if there is no such zone.
    """
    local = time_zone(zone)
    if _TIME_OF_DAY.fullmatch(text.strip()):
        return _next(_read(time.fromisoformat, text), now, local)
    said = _read(datetime.fromisoformat, text) if re.search(r"\d[T ]\d", text) else None
    if said is None:
        raise InvalidValue("time", text, _ALLOWED)
    at = (said if said.tzinfo else said.replace(tzinfo=local)).timestamp()
    return check_due(at, now, text)


def read_moment(said: object, zone: str, *, through: bool = False) -> float:
    """When a date, or a date and time, is, in seconds since 1970; it may have passed.

    Args:
        said: A `date`, a `datetime`, or one of ISO 8601 as text, with an offset or local to `zone`.
        zone: The IANA name of the time zone that local times are in.
        through: Whether a date without a time is the end of that day rather than its beginning.

    Raises:
        InvalidValue: if it is none of these.
    """
    local, read = time_zone(zone), said
    if isinstance(said, str):
        day_alone = re.fullmatch(r"\d{4}-\d{2}-\d{2}", said.strip())
        try:
            read = date.fromisoformat(said.strip()) if day_alone else datetime.fromisoformat(said.strip())
        except ValueError as error:
            raise InvalidValue("time", said, _DAY_OR_TIME) from error
    if isinstance(read, datetime):
        return (read if read.tzinfo else read.replace(tzinfo=local)).timestamp()
    if isinstance(read, date):
        return datetime.combine(read + timedelta(days=int(through)), time(), local).timestamp()
    raise InvalidValue("time", said, _DAY_OR_TIME)


def check_due(at: float, now: float, said: object) -> float:
    """`at`, where that is a time to come.

    Raises:
        InvalidValue: if it has passed, or is more than a century away; `said` is what somebody gave.
    """
    if at <= now:
        raise InvalidValue("time", said, f"a time to come; it is {format_time(now)} now")
    if at - now > LONGEST.total_seconds():
        raise InvalidValue("time", said, "a time within a hundred years")
    return at


def tell_time(at: float, zone: str = "UTC") -> str:
    """A time for people in a zone and in UTC: `2026-11-23 08:00 CET (Europe/Berlin), 2026-11-23 07:00 UTC`."""
    if zone == "UTC":
        return format_time(at)
    there = datetime.fromtimestamp(at, time_zone(zone))
    return f"{there:%Y-%m-%d %H:%M %Z} ({zone}), {format_time(at)}"


def parse_deadline(value: Any) -> Any:
    """A deadline as given: text becomes a duration or a time with an offset, anything else stays as it is.

    Raises:
        InvalidValue: if a text is neither; if a time has no offset, for it would be another moment elsewhere.
    """
    read = value
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value) if ":" in value else parse_duration(value)
        except ValueError as error:
            raise InvalidValue("deadline", value, _DEADLINE) from error
    if isinstance(read, datetime) and read.utcoffset() is None:
        raise InvalidValue("deadline", str(value), _DEADLINE)
    return read


def _next(at: time, now: float, zone: ZoneInfo) -> float:
    """The next time that the clocks of a zone show `at`."""
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    for days in (0, 1, 2):  # two days on, where a change of the clocks leaves a whole day out, as in Samoa in 2011
        due = datetime.combine(today + timedelta(days=days), at, zone).timestamp()
        if due > now:
            return due
    raise InvalidValue("time", at.isoformat(), _ALLOWED)


def _read(parse: Any, text: str) -> Any:
    try:
        return parse(text.strip())
    except ValueError as error:
        raise InvalidValue("time", text, _ALLOWED) from error
