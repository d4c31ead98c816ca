"""Working hours: by the clocks of a zone whatever they do, over midnight, without holidays."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import Calendar, Hours, InvalidValue, Span, is_holiday
from baton.core.calendars import common, levels, merged, seconds, without

HOUR, DAY = 3600.0, 86400.0
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia")

TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30)))
HOURS = st.builds(Hours, weekday=st.integers(0, 6), start=TIMES, end=TIMES)
CALENDARS = st.builds(
    Calendar, zone=st.sampled_from(ZONES), hours=st.lists(HOURS, max_size=5).map(tuple), holidays=st.just(None)
)
MOMENTS = st.integers(1_250_000_000, 1_900_000_000).map(float)
SPANS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 20)).map(lambda one: (float(one[0]), float(one[0] + one[1])))
).map(merged)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def week(start: str, end: str, zone: str = "Europe/Berlin", holidays: str | None = None) -> Calendar:
    """The same hours from Monday to Friday."""
    hours = [Hours(weekday=day, start=time.fromisoformat(start), end=time.fromisoformat(end)) for day in range(5)]
    return Calendar(zone=zone, hours=tuple(hours), holidays=holidays)


@pytest.mark.parametrize(
    ("start", "end", "day", "hours"),
    [
        ("22:00", "06:00", "2026-10-23", 8.0),  # a Friday
        ("22:00", "02:30", "2026-10-25", 4.5),  # the first of the two half past two
        ("02:30", "08:00", "2026-10-25", 6.5),
        ("22:00", "06:00", "2026-10-24", 9.0),  # the clocks go back
        ("22:00", "06:00", "2026-03-28", 7.0),  # the clocks go forward
        ("02:15", "02:45", "2026-03-29", 0.0),  # never on the clock
        ("02:30", "08:00", "2026-03-29", 5.0),  # begins as the clocks leap
        ("22:00", "02:30", "2026-03-28", 4.0),  # ends as the clocks leap
        ("00:00", "00:00", "2026-03-29", 23.0),
        ("00:00", "00:00", "2026-10-25", 25.0),
        ("09:00", "12:00", "2026-10-25", 3.0),
    ],
)
def test_a_shift_is_as_long_as_the_clocks_make_it(start: str, end: str, day: str, hours: float) -> None:
    begins = date.fromisoformat(day)
    shift = Hours(weekday=begins.weekday(), start=time.fromisoformat(start), end=time.fromisoformat(end))
    calendar = Calendar(zone="Europe/Berlin", hours=(shift,))
    noon = datetime.combine(begins, time(12), UTC).timestamp()
    assert calendar.staffed(noon - DAY, noon + DAY) == (hours or 0.0) * HOUR


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    friday_night = Calendar(zone="UTC", hours=(Hours(weekday=4, start=time(22), end=time(6)),))
    assert friday_night.spans(at("2026-11-27T00:00Z"), at("2026-12-04T00:00Z")) == [
        (at("2026-11-27T22:00Z"), at("2026-11-28T06:00Z"))
    ]
    assert friday_night.on_duty(at("2026-11-28T05:59Z")) and not friday_night.on_duty(at("2026-11-28T06:00Z"))
    assert friday_night.next_on_duty(at("2026-11-28T07:00Z")) == at("2026-12-04T22:00Z")
    assert friday_night.next_on_duty(at("2026-11-28T03:00Z")) == at("2026-11-28T03:00Z")


def test_nobody_who_has_no_hours_is_ever_on_duty() -> None:
    assert Calendar().next_on_duty(at("2026-11-28T07:00Z")) is None


def test_no_hours_begin_on_a_holiday() -> None:
    berlin, anywhere = week("09:00", "17:00", holidays="DE-BE"), week("09:00", "17:00")
    christmas = at("2026-12-25T12:00+01:00")  # a Friday
    assert anywhere.on_duty(christmas) and not berlin.on_duty(christmas)
    assert berlin.next_on_duty(at("2026-12-24T17:00+01:00")) == at("2026-12-28T09:00+01:00")
    women = date(2027, 3, 8)
    assert is_holiday("DE-BE", women) and not is_holiday("DE-BY", women) and is_holiday("de-BE", women)
    for place in ("XX", "DE-XX", "somewhere"):
        with pytest.raises(InvalidValue, match="a country by its ISO code"):
            is_holiday(place, women)


@given(CALENDARS, MOMENTS)
def test_who_is_on_duty_has_the_hour_on_their_clock(calendar: Calendar, start: float) -> None:
    spans = calendar.spans(start, start + 3 * DAY)
    assert spans == merged(spans) == common(spans, [(start, start + 3 * DAY)])
    for moment in (start + step * 1800.0 + 7 for step in range(144)):
        local = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(calendar.zone))
        on = any(begun <= moment < ended for begun, ended in spans)
        assert on == calendar.on_duty(moment)
        if not _changes_near(calendar.zone, moment):
            assert on == any(_has(each, local) for each in calendar.hours)


def _changes_near(zone: str, moment: float) -> bool:
    """Whether the clocks change within a day and a half: there, other tests say what is right."""
    places = {datetime.fromtimestamp(moment + hours * HOUR, ZoneInfo(zone)).utcoffset() for hours in range(-36, 37, 3)}
    return len(places) > 1


def _has(hours: Hours, local: datetime) -> bool:
    wall, day = local.time().replace(fold=0), local.weekday()
    if hours.start < hours.end:
        return day == hours.weekday and hours.start <= wall < hours.end
    after = day == hours.weekday and wall >= hours.start
    return after or (day == (hours.weekday + 1) % 7 and wall < hours.end)


@given(CALENDARS, MOMENTS, st.floats(0, 9 * DAY), st.floats(0, 9 * DAY))
def test_staffed_time_adds_up(calendar: Calendar, start: float, first: float, second: float) -> None:
    whole = calendar.staffed(start, start + first + second)
    parts = calendar.staffed(start, start + first) + calendar.staffed(start + first, start + first + second)
    assert abs(whole - parts) < 1e-3
    assert 0 <= whole <= first + second + 1e-3


@given(CALENDARS, MOMENTS)
def test_the_next_time_on_duty_is_the_first(calendar: Calendar, start: float) -> None:
    found = calendar.next_on_duty(start)
    if found is None:
        assert calendar.staffed(start, start + 60 * DAY) == 0
    else:
        assert calendar.on_duty(found) and calendar.staffed(start, found) == 0


@given(SPANS, SPANS)
def test_spans_are_joined_met_and_taken_away_as_sets_are(some: list[Span], others: list[Span]) -> None:
    def points(spans: list[Span]) -> set[int]:
        return {point for start, end in spans for point in range(int(start), int(end))}

    both = merged([*some, *others])
    assert points(both) == points(some) | points(others)
    assert points(common(some, others)) == points(some) & points(others)
    assert points(without(some, others)) == points(some) - points(others)
    for found in (both, common(some, others), without(some, others)):
        assert found == merged(found)


@given(st.lists(SPANS, max_size=4))
def test_levels_count_how_many_spans_hold(of_each: list[list[Span]]) -> None:
    found = levels(of_each)
    assert sum((end - start) * count for start, end, count in found) == sum(map(seconds, of_each))
    for start, end, count in found:
        middle = (start + end) / 2
        assert count == sum(any(begun <= middle < ended for begun, ended in spans) for spans in of_each) > 0
    assert all(one[1] <= other[0] for one, other in pairwise(found))


def test_a_day_that_a_zone_left_out_holds_no_hours() -> None:
    friday = date(2011, 12, 30)  # Samoa went from Thursday to Saturday
    calendar = Calendar(zone="Pacific/Apia", hours=(Hours(weekday=4, start=time(9), end=time(17)),))
    middle = datetime.combine(friday, time(12), UTC).timestamp()
    assert calendar.staffed(middle - 3 * DAY, middle + 3 * DAY) == 0
    assert timedelta(days=1) + friday == date(2011, 12, 31)
