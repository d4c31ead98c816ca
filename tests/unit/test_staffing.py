"""Whether anybody is there in time, and until when a question can wait for them."""

from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import Calendar, Hours, Person, Roster
from baton.review.staffing import Desk, Gap, gap, last_call

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MONDAY = datetime.fromisoformat("2026-11-23T00:00Z").timestamp()


def calendar(start: int, end: int) -> Calendar:
    return Calendar(hours=tuple(Hours(weekday=day, start=time(start), end=time(end)) for day in range(5)))


OFFICE = Roster(
    people=(
        Person(name="ann", roles=frozenset({"lead"}), skills=frozenset({"refunds"}), calendar=calendar(1, 9)),
        Person(name="bob", calendar=calendar(14, 22)),
    )
)
REFUNDS = Desk(OFFICE, (), frozenset({"refunds"}))
FRIDAY = MONDAY + 4 * DAY


@pytest.mark.parametrize(
    ("desk", "now", "deadline", "expected"),
    [
        (REFUNDS, FRIDAY + 8 * HOUR, FRIDAY + 12 * HOUR, None),
        (REFUNDS, FRIDAY + 10 * HOUR, FRIDAY + 12 * HOUR, Gap(FRIDAY + 12 * HOUR, MONDAY + 7 * DAY + HOUR)),
        (REFUNDS, FRIDAY + 10 * HOUR, None, None),
        (REFUNDS, FRIDAY - HOUR, FRIDAY + HOUR, Gap(FRIDAY + HOUR, FRIDAY + HOUR)),  # they come as it lapses
        (Desk(OFFICE, ("lead",), frozenset({"sewing"})), FRIDAY, None, Gap(None, None)),
        (Desk(OFFICE, ("lead",), frozenset({"sewing"})), FRIDAY, FRIDAY + DAY, Gap(FRIDAY + DAY, None)),
        (Desk(None, ("lead",), frozenset({"sewing"})), FRIDAY, FRIDAY + 1, None),
        (Desk(OFFICE, ("zoe",), frozenset({"sewing"})), FRIDAY, FRIDAY + 1, None),
    ],
)
def test_a_question_is_asked_of_nobody_where_none_is_there_in_time(
    desk: Desk, now: float, deadline: float | None, expected: Gap | None
) -> None:
    assert gap(desk, now, deadline) == expected


@pytest.mark.parametrize(
    ("since", "deadline", "work", "expected"),
    [
        (0.0, 8.0, 10 * MINUTE, 8 - 1 / 6),  # while ann is there
        (0.0, 13.0, 10 * MINUTE, 9 - 1 / 6),  # before she goes
        (0.0, 14.25, 30 * MINUTE, 8.75),  # a quarter of an hour of hers, one of bob's
        (8.9, 13.0, 10 * MINUTE, None),
        (9.0, 13.0, 10 * MINUTE, None),
        (0.0, 24.0, 8 * HOUR, 14.0),
        (0.0, 24.0, 16 * HOUR, 1.0),
    ],
)
def test_the_last_call_leaves_just_enough_staffed_time(
    since: float, deadline: float, work: float, expected: float | None
) -> None:
    found = last_call(OFFICE, (), (), MONDAY + deadline * HOUR, work, since=MONDAY + since * HOUR)
    assert (found is None) == (expected is None)
    assert found is None or abs(found - MONDAY - (expected or 0) * HOUR) < 1e-3


@given(st.floats(0, 6 * DAY), st.floats(1, 4 * DAY), st.floats(1, 12 * HOUR))
def test_from_the_last_call_the_work_fits_and_from_later_it_does_not(since: float, length: float, work: float) -> None:
    asked, deadline = MONDAY + since, MONDAY + since + length
    found = last_call(OFFICE, ("lead",), (), deadline, work, since=asked)
    if found is None:
        assert OFFICE.staffed(("lead",), (), asked, deadline) < work
    else:
        assert asked - 1e-3 <= found <= deadline
        assert abs(OFFICE.staffed(("lead",), (), found, deadline) - work) < 1e-2
        assert OFFICE.staffed(("lead",), (), found + 1, deadline) < work


def test_without_a_roster_the_last_call_is_the_work_before_the_deadline() -> None:
    assert last_call(None, ("lead",), ("refunds",), MONDAY, since=MONDAY - DAY) == MONDAY - 10 * MINUTE
    assert last_call(None, (), (), MONDAY, since=MONDAY - 60) is None


@given(st.floats(0, 8 * DAY), st.floats(0, 3 * DAY))
def test_the_work_of_a_desk_is_that_of_its_people(start: float, length: float) -> None:
    begun, ended = MONDAY + start, MONDAY + start + length
    both = sum(person.calendar.staffed(begun, ended) for person in OFFICE.people if person.calendar)
    assert abs(Desk(OFFICE).work(begun, ended) - both) < 1e-3
