"""Limits that follow how it goes: up by one while it goes well and some wait, down where calls fail or slow down."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import Adaptive
from baton.flow.adapting import ENOUGH, Call, step

BOUNDS = Adaptive(least=2, most=20)


def calls(many: int = ENOUGH, *, seconds: float = 1.0, failed: int = 0, since: float = 0.0) -> list[Call]:
    return [Call(since + number + 1, seconds, failed=number < failed) for number in range(many)]


@pytest.mark.parametrize(
    ("given_calls", "waiting", "limit", "cause"),
    [
        (calls(), 3, 9, "3 waited, and calls went well"),
        (calls(), 0, 8, ""),
        (calls(failed=3), 3, 4, "30 % of 10 calls failed"),
        (calls(failed=2), 3, 9, "3 waited, and calls went well"),
        (calls(seconds=1.6), 3, 4, "half of 10 calls took more than 1.6 s; 1 s is usual"),
        (calls(seconds=1.4), 0, 8, ""),
    ],
)
def test_each_look_does_what_the_rule_says(given_calls: list[Call], waiting: int, limit: int, cause: str) -> None:
    made = step(8, BOUNDS, {"usual": 1.0, "until": 0.0}, given_calls, waiting)
    assert made is not None and (made.limit, made.cause) == (limit, cause)
    assert made.learnt["until"] == given_calls[-1].at


def test_nothing_is_done_on_too_little_and_nothing_is_counted_twice() -> None:
    assert step(8, BOUNDS, {}, calls(ENOUGH - 1, failed=9), 5) is None
    made = step(8, BOUNDS, {}, calls(failed=10), 5)
    assert made is not None and made.limit == 4
    assert step(4, BOUNDS, made.learnt, calls(failed=10), 5) is None


def test_the_first_look_takes_what_it_sees_for_usual() -> None:
    made = step(8, BOUNDS, {}, calls(seconds=30.0), 0)
    assert made is not None and made.limit == 8 and made.learnt["usual"] == 30.0


@given(
    limit=st.integers(2, 20),
    looks=st.lists(st.tuples(st.integers(0, 10), st.floats(0.0, 100.0), st.integers(0, 5)), max_size=30),
)
def test_it_never_leaves_its_bounds_and_never_jumps_up(limit: int, looks: list[tuple[int, float, int]]) -> None:
    learnt: dict[str, Any] = {}
    for number, (failed, seconds, waiting) in enumerate(looks):
        made = step(limit, BOUNDS, learnt, calls(seconds=seconds, failed=failed, since=100.0 * number), waiting)
        assert made is not None
        assert BOUNDS.least <= made.limit <= BOUNDS.most and made.limit <= limit + 1
        assert bool(made.cause) == (made.limit != limit)
        limit, learnt = made.limit, dict(made.learnt)


def test_it_finds_what_an_endpoint_can_bear() -> None:
    """An endpoint that takes 1 s for up to 6 calls at once and slows down in proportion beyond."""
    limit, learnt, seen = 2, dict[str, Any](), list[int]()
    for number in range(200):
        seconds = max(1.0, limit / 6)
        made = step(limit, BOUNDS, learnt, calls(20, seconds=seconds, since=1000.0 * number), 10)
        assert made is not None
        limit, learnt = made.limit, dict(made.learnt)
        seen.append(limit)
    assert 5 <= min(seen[50:]) and max(seen[50:]) <= 10


def test_what_has_become_slower_by_itself_is_usual_some_day() -> None:
    limit, learnt = 8, dict[str, Any](usual=1.0, until=0.0)
    for number in range(150):
        made = step(limit, BOUNDS, learnt, calls(seconds=2.0, since=1000.0 * number), 10)
        assert made is not None
        limit, learnt = made.limit, dict(made.learnt)
    assert limit == BOUNDS.most
