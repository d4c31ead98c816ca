"""Times as people say them: offsets, zones, changes of the clocks, deadlines."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import Goal
from baton.core import GOAL, InvalidValue, parse_duration, parse_time, tell_time
from baton.graph.context import goal_text

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata", "UTC")
NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC).timestamp()


def utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "zone", "when"),
    [
        ("2026-11-23T08:00+01:00", "UTC", "2026-11-23 07:00"),
        ("2026-11-23T08:00Z", "Europe/Berlin", "2026-11-23 08:00"),
        ("2026-11-23T08:00", "Europe/Berlin", "2026-11-23 07:00"),
        ("2026-07-23 08:00", "Europe/Berlin", "2026-07-23 06:00"),
        ("2026-11-23T08:00", "UTC", "2026-11-23 08:00"),
        ("14:00", "Europe/Berlin", "2026-03-28 13:00"),  # it is 13:00 there: today
        ("13:00", "Europe/Berlin", "2026-03-29 11:00"),  # this very moment is over: tomorrow, in summer time
        ("08:00", "Europe/Berlin", "2026-03-29 06:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29 01:30"),  # left out: moved forward to 03:30 summer time
        ("02:30", "Europe/Berlin", "2026-03-29 01:30"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25 00:30"),  # twice: the first
        ("2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25 01:30"),  # twice, and the offset says the second
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03 15:45"),  # half an hour is left out there
    ],
)
def test_a_time_is_read_in_its_zone(text: str, zone: str, when: str) -> None:
    assert utc(parse_time(text, now=NOW, zone=zone)) == when


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        ("2026-03-28T12:00", "UTC", "a time to come; it is 2026-03-28 12:00 UTC now"),
        ("2026-03-28T12:30", "Europe/Berlin", "a time to come"),
        ("2126-12-31T00:00", "UTC", "within a hundred years"),
        ("9999-12-31T23:59-12:00", "UTC", "within a hundred years"),
        ("2026-11-23", "UTC", "a date and time such as"),
        ("25:00", "UTC", "a date and time such as"),
        ("8", "UTC", "a date and time such as"),
        ("tomorrow", "UTC", "a date and time such as"),
        ("08:00", "Europe/Atlantis", "an IANA name such as"),
        ("08:00", "../../etc/passwd", "an IANA name such as"),
        ("08:00", "", "an IANA name such as"),
        ("08:00", "a\0b", "an IANA name such as"),
    ],
)
def test_a_time_that_cannot_be_is_refused(text: str, zone: str, says: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(says)):
        parse_time(text, now=NOW, zone=zone)


@given(
    at=st.datetimes(datetime(2027, 1, 1), datetime(2060, 1, 1)).map(lambda at: at.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES),
)
def test_what_the_clocks_show_then_is_what_was_asked_for_or_moved_forward(at: datetime, zone: str) -> None:
    due = parse_time(at.isoformat(), now=NOW, zone=zone)
    shown = datetime.fromtimestamp(due, ZoneInfo(zone)).replace(tzinfo=None)
    assert timedelta(0) <= shown - at <= timedelta(hours=2)
    if shown != at:  # left out: no second of the day shows it
        around = [datetime.fromtimestamp(due + off, ZoneInfo(zone)) for off in range(-7200, 7201, 60)]
        assert at not in [one.replace(tzinfo=None) for one in around]
    else:  # and of two that show it, the first
        assert datetime.fromtimestamp(due - 1800, ZoneInfo(zone)).replace(tzinfo=None) != at
        assert datetime.fromtimestamp(due - 3600, ZoneInfo(zone)).replace(tzinfo=None) != at


@given(
    now=st.integers(int(NOW), int(NOW) + 10 * 366 * 86400),
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
)
def test_a_time_of_day_is_the_next_one(now: int, minute: int, zone: str) -> None:
    text = f"{minute // 60:02}:{minute % 60:02}"
    due = parse_time(text, now=now, zone=zone)
    assert now < due <= now + 25 * 3600 + 1
    same_day = datetime.fromtimestamp(due, ZoneInfo(zone)).date()
    assert due == parse_time(f"{same_day}T{text}", now=now, zone=zone)


def test_a_time_is_told_in_its_zone_and_in_utc() -> None:
    due = parse_time("2026-11-23T08:00", now=NOW, zone="Europe/Berlin")
    assert tell_time(due, "Europe/Berlin") == "2026-11-23 08:00 CET (Europe/Berlin), 2026-11-23 07:00 UTC"
    assert tell_time(due) == "2026-11-23 07:00 UTC"


@pytest.mark.parametrize(
    ("given", "stored", "due"),
    [
        ("2h", "7200s", NOW + 7200),
        (timedelta(days=1), "86400s", NOW + 86400),
        ("2026-11-23T08:00+01:00", "2026-11-23T08:00:00+01:00", datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()),
        ("2026-11-23 07:00Z", "2026-11-23T07:00:00+00:00", datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()),
        (datetime(2026, 11, 23, 7, tzinfo=UTC), "2026-11-23T07:00:00+00:00", 1795417200.0),
        (None, None, None),
    ],
)
def test_a_deadline_is_a_duration_or_a_time(given: Any, stored: str | None, due: float | None) -> None:
    goal = Goal("go", deadline=given)
    assert goal.due(NOW) == due
    assert GOAL.dump_python(goal, mode="json")["deadline"] == stored
    assert GOAL.validate_json(GOAL.dump_json(goal)) == goal


@pytest.mark.parametrize("given", ["2026-11-23T08:00", datetime(2026, 11, 23, 8), "soon", "25:00", "99999999999999w"])
def test_a_deadline_that_says_no_moment_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="a time with its offset such as"):
        Goal("go", deadline=given)


def test_a_duration_beyond_all_calendars_is_refused() -> None:
    with pytest.raises(InvalidValue, match="less than a thousand million days"):
        parse_duration("99999999999999w")


def test_the_model_reads_the_deadline_as_one_time() -> None:
    text = goal_text(Goal("go", deadline="2h"), NOW)
    assert text == "# Goal\ngo\n\n## Deadline\n2026-03-28 14:00 UTC (the goal was given at 2026-03-28 12:00 UTC)"
    assert goal_text(Goal("go"), NOW) == "# Goal\ngo"
