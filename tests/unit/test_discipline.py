"""Which question comes next: what is due soon by its cost, else the earliest due; nothing waits for ever."""

from hypothesis import given
from hypothesis import strategies as st

from baton.review.discipline import GRACE, SOON, Turn, urgent_first

HOUR = 3600.0
TURNS = st.lists(
    st.builds(
        Turn,
        id=st.uuids().map(str),
        due=st.floats(0, 100 * HOUR),
        cost=st.sampled_from((1.0, 3.0, 10.0)),
        work=st.sampled_from((300.0, 600.0, 3600.0)),
    ),
    min_size=1,
    max_size=8,
)


def turn(id: str, due: float, cost: float = 1.0, work: float = 600.0) -> Turn:
    return Turn(id=id, due=due * HOUR, cost=cost, work=work)


def test_of_what_is_due_soon_the_dearest_for_its_time_comes_first() -> None:
    assert urgent_first(0.0, [turn("a", 0.5), turn("b", 1.9, cost=10.0), turn("c", 3.0, cost=100.0)]).id == "b"
    assert urgent_first(0.0, [turn("a", 1.5, cost=10.0, work=3000.0), turn("b", 1.5, cost=3.0)]).id == "b"


def test_else_the_earliest_due_and_what_is_late_a_day_later() -> None:
    assert urgent_first(0.0, [turn("a", 30.0, cost=10.0), turn("b", 20.0)]).id == "b"
    late = turn("late", -1.0, cost=10.0)
    assert urgent_first(0.0, [late, turn("b", 20.0)]).id == "b"
    assert urgent_first(0.0, [late, turn("b", 24.0)]).id == "late"


def test_what_cannot_be_answered_in_time_any_more_is_late() -> None:
    assert urgent_first(0.0, [turn("a", 0.05, cost=10.0), turn("b", 1.0)]).id == "b"


@given(TURNS, st.floats(0, 100 * HOUR))
def test_one_of_them_is_chosen_whatever_their_order(turns: list[Turn], now: float) -> None:
    chosen = urgent_first(now, turns)
    assert chosen in turns
    assert urgent_first(now, turns[::-1]).due == chosen.due or chosen.density != 0


@given(TURNS)
def test_nothing_is_passed_over_by_what_comes_a_day_and_more_after_it(turns: list[Turn]) -> None:
    oldest = min(turns, key=lambda one: one.due)
    now = oldest.due + GRACE + SOON
    chosen = urgent_first(now, turns)
    assert chosen.lost(now) or chosen.due - now <= SOON or chosen.due <= oldest.due + GRACE
