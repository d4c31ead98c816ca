"""When people will be asked more than they can answer."""

import random

from baton.flow.saturation import DAY, saturation

START = 20_000 * DAY
HOURS = [8 * 3600.0] * 60
WORK = 600.0  # 48 questions fill a day; 43.2 are 90 %


def test_growth_says_on_which_day_it_is_too_much() -> None:
    found = saturation([20 + day for day in range(14)], START, WORK, HOURS)
    assert found is not None and found.day is not None
    assert found.day == START + 10 * DAY  # 34 on the first day, 44 on the eleventh
    assert abs(found.growth - 1.0) < 0.2


def test_what_does_not_grow_is_never_too_much() -> None:
    chance = random.Random(1)
    for _ in range(20):
        found = saturation([chance.randint(20, 30) for _ in range(28)], START, WORK, HOURS)
        assert found is not None and found.day is None


def test_what_is_too_much_already_is_told() -> None:
    found = saturation([60] * 10, START, WORK, HOURS)
    assert found is not None and found.day == START and found.load > 1.2


def test_weeks_have_their_days() -> None:
    week = [30, 30, 30, 30, 30, 4, 4]
    duty = [8 * 3600.0 if day < 5 else 0.9 * 3600.0 for day in range(7)] * 9
    found = saturation(week * 4, START, WORK, duty[:60])
    assert found is not None and found.day is None


def test_nothing_is_said_of_too_little() -> None:
    assert saturation([5] * 6, START, WORK, HOURS) is None
    assert saturation([0] * 20 + [5] * 6, START, WORK, HOURS) is None
    assert saturation([5] * 20, START, WORK, []) is None
