"""When an answer comes: what lies ahead, times how far that was wrong before; never a number out of nothing."""

import math
import random
from collections.abc import Sequence
from datetime import time

from hypothesis import given
from hypothesis import strategies as st

from baton.core import Calendar, Hours, Person, Roster
from baton.ledger.forecasts import Past
from baton.review.discipline import Turn, urgent_first
from baton.review.forecast import LEAST, Other, before, expected, factors, usual_work
from baton.review.staffing import Desk

HOUR = 3600.0
MONDAY = 1_767_571_200.0
ALWAYS = Desk(None)
WEEK = Calendar(hours=tuple(Hours(weekday=day, start=time(9), end=time(17)) for day in range(5)))
PAIR = Desk(Roster(people=(Person(name="ann", calendar=WEEK), Person(name="bob", calendar=WEEK))))


def past(waited: Sequence[tuple[float | None, float]], overdue: int = 0) -> Past:
    return Past(waited=waited, overdue=overdue, work=[])


def test_too_little_is_known_for_a_number() -> None:
    few, enough = [(600.0, 600.0)] * (LEAST - 1), [(600.0, 600.0)] * LEAST
    assert expected(MONDAY, 600.0, factors(past(few)), ALWAYS) == (None, None)
    assert expected(MONDAY, 600.0, factors(past(enough)), ALWAYS) == (MONDAY + 600, MONDAY + 600)
    assert expected(MONDAY, 600.0, factors(past(few, overdue=1)), ALWAYS)[0] == MONDAY + 600


def test_what_took_longer_than_lay_ahead_makes_the_next_forecasts_later() -> None:
    some = factors(past([(2 * HOUR, HOUR / 2)] * 10 + [(HOUR / 2, HOUR / 2)] * 30))
    assert expected(MONDAY, HOUR / 2, some, ALWAYS) == (MONDAY + HOUR / 2, MONDAY + 2 * HOUR)


def test_people_work_only_in_their_hours_and_beside_each_other() -> None:
    exact = factors(past([(600.0, 600.0)] * LEAST))
    half, _ = expected(MONDAY, 4 * HOUR, exact, PAIR)
    assert half == MONDAY + 9 * HOUR + 2 * HOUR
    half, _ = expected(MONDAY, 17 * HOUR, exact, PAIR)  # sixteen hours of the two are Monday's
    assert half == MONDAY + 33 * HOUR + HOUR / 2


def test_where_nobody_ever_is_there_nothing_is_expected() -> None:
    exact = factors(past([(600.0, 600.0)] * LEAST))
    assert (
        expected(MONDAY, 600.0, exact, Desk(Roster(people=(Person(name="ann", calendar=Calendar()),)))) == (None,) * 2
    )


def test_more_than_one_in_ten_that_nobody_answers_leave_the_bound_open() -> None:
    lapsed: list[tuple[float | None, float]] = [(None, 600.0)] * 10
    half, most = expected(MONDAY, 600.0, factors(past([(600.0, 600.0)] * 40 + lapsed)), ALWAYS)
    assert half == MONDAY + 600 and most is None
    half, most = expected(MONDAY, 600.0, factors(past([(600.0, 600.0)] * 40, overdue=10)), ALWAYS)
    assert half == MONDAY + 600 and most is None
    assert expected(MONDAY, 600.0, factors(past(lapsed * 4)), ALWAYS) == (None, None)


TURNS = st.builds(
    Turn, id=st.uuids().map(str), due=st.floats(0, 90 * HOUR), cost=st.sampled_from((1.0, 10.0)), work=st.just(600.0)
)
OTHERS = st.lists(
    st.builds(Other, turn=TURNS, work=st.floats(1, 7200), share=st.floats(0.1, 1), taken=st.booleans()),
    max_size=6,
)


@given(st.floats(0, 90 * HOUR), TURNS, OTHERS)
def test_what_the_discipline_takes_first_lies_before(now: float, ours: Turn, others: list[Other]) -> None:
    free = [other for other in others if not other.taken]
    ahead = before(now, ours, others, urgent_first)
    first = urgent_first(now, [*(other.turn for other in free), ours])
    if first is ours:
        assert ahead == sum(other.share * other.work / 2 for other in others if other.taken)
    assert 0 <= ahead <= sum(other.share * other.work for other in others) + 1e-6
    assert before(now, ours, others[1:], urgent_first) <= ahead + 1e-6


@given(st.lists(st.tuples(st.floats(0, 2e5), st.floats(0, 1e5)), min_size=LEAST, max_size=40), st.floats(0, 1e5))
def test_the_bound_is_never_before_the_half_nor_what_lies_further_ahead_sooner(
    waited: list[tuple[float | None, float]], ahead: float
) -> None:
    known = factors(past(waited))
    half, most = expected(MONDAY, ahead, known, ALWAYS)
    assert half is not None and most is not None and MONDAY <= half <= most
    later = expected(MONDAY, ahead + 600, known, ALWAYS)
    assert later[0] is not None and later[0] >= half
    assert known == sorted(known) and not any(map(math.isnan, known))


def test_nine_in_ten_are_answered_by_the_bound_whatever_the_errors_look_like() -> None:
    rng = random.Random(7)
    held: list[bool] = []
    for _ in range(40):
        seen: list[tuple[float | None, float]] = []
        for _ in range(120):
            ahead = rng.expovariate(1 / HOUR)
            waited = ahead * rng.choice((0.3, 1.0, 1.2, 6.0)) + rng.expovariate(1 / 300)
            if len(seen) >= LEAST:
                _, most = expected(MONDAY, ahead, factors(past(seen)), ALWAYS)
                held.append(most is not None and MONDAY + waited <= most)
            seen.append((waited, ahead))
    assert 0.88 < sum(held) / len(held) < 0.93


def test_the_usual_work_is_the_median_once_enough_is_known() -> None:
    assert usual_work(Past(waited=[], overdue=0, work=[60.0] * (LEAST - 1))) == 600.0
    assert usual_work(Past(waited=[], overdue=0, work=[60.0] * 20 + [7200.0] * 15)) == 60.0
