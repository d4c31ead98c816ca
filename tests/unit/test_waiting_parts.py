"""What waiting consists of: the parts are right, and together they are all of it, to the last bit."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.flow import Interval, LittlesLaw, Parts, littles_law, presence, split
from baton.flow.cover import Cover, merged, on_grid, without

HOUR = 3600.0
TIMES = st.floats(0.0, 4e9)
STRETCHES = st.lists(st.tuples(TIMES, TIMES), max_size=6)
SMALL = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5)


def parts(**hours: float) -> Parts:
    return Parts(**{name: count * HOUR for name, count in hours.items()})


def hours(*stretches: tuple[float, float]) -> list[Interval]:
    return [(start * HOUR, end * HOUR) for start, end in stretches]


DAY = hours((9, 17))
Case = tuple[float, list[Interval], list[tuple[list[Interval], list[Interval]]], Parts]

TABLE: dict[str, Case] = {
    "nobody comes before the claim": (8.0, hours((9, 11)), [(DAY, [])], parts(off_duty=1, thinking=2, delivery=1)),
    "somebody is free and does not look": (10.0, [], [(DAY, [])], parts(not_looked_at=1, delivery=1)),
    "the only one is at another": (9.0, [], [(DAY, hours((9, 10)))], parts(queueing=1, not_looked_at=1, delivery=1)),
    "one is at another, one is free": (9.0, [], [(DAY, hours((9, 11))), (DAY, [])], parts(not_looked_at=2, delivery=1)),
    "two are at others by turns": (
        9.0,
        [],
        [(DAY, hours((9, 10))), (DAY, hours((9.5, 11)))],
        parts(queueing=0.5, not_looked_at=1.5, delivery=1),
    ),
    "a claim runs out and is taken again": (
        9.0,
        hours((9, 9.25), (10, 11)),
        [(DAY, hours((9, 9.25), (10, 11)))],
        parts(thinking=1.25, not_looked_at=0.75, delivery=1),
    ),
    "somebody thinks at night": (
        5.0,
        hours((6, 8)),
        [(DAY, [])],
        parts(off_duty=2, thinking=2, not_looked_at=2, delivery=1),
    ),
    "nobody is ever there": (10.0, [], [], parts(off_duty=1, delivery=1)),
}


@pytest.mark.parametrize("name", TABLE)
def test_small_cases(name: str) -> None:
    opened, claims, people, expected = TABLE[name]
    assert split(opened * HOUR, 11 * HOUR, 12 * HOUR, claims, presence(people)) == expected


@given(TIMES, TIMES, TIMES, STRETCHES, st.lists(st.tuples(STRETCHES, STRETCHES), max_size=3))
def test_the_parts_are_all_of_it_to_the_last_bit_in_any_order(
    opened: float,
    decided: float,
    delivered: float,
    claims: list[Interval],
    people: list[tuple[list[Interval], list[Interval]]],
) -> None:
    opened, decided, delivered = sorted((opened, decided, delivered))
    found = split(opened, decided, delivered, claims, presence(people))
    each = [found.off_duty, found.queueing, found.not_looked_at, found.thinking, found.delivery]
    assert min(each) >= 0.0
    whole = on_grid(delivered) - on_grid(opened)
    assert {sum(order) for order in itertools.permutations(each)} == {whole} == {found.whole}
    assert abs(whole - (delivered - opened)) < 2e-6


@given(st.integers(0, 20), st.integers(0, 20), SMALL, st.lists(st.tuples(SMALL, SMALL), max_size=3))
def test_the_parts_are_what_a_clock_that_ticks_counts(
    opened: int,
    decided: int,
    claims: list[tuple[int, int]],
    people: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]],
) -> None:
    opened, decided = sorted((opened, decided))
    counted = dict.fromkeys(("off_duty", "queueing", "not_looked_at", "thinking"), 0)

    def within(tick: int, stretches: list[tuple[int, int]]) -> bool:
        return any(start <= tick < end for start, end in stretches)

    for tick in range(opened, decided):
        there = [busy for duty, busy in people if within(tick, duty)]
        if within(tick, claims):
            counted["thinking"] += 1
        elif not there:
            counted["off_duty"] += 1
        elif all(within(tick, busy) for busy in there):
            counted["queueing"] += 1
        else:
            counted["not_looked_at"] += 1
    assert split(opened, decided, decided, claims, presence(people)) == Parts(**counted)


@given(SMALL, SMALL, st.integers(0, 20), st.integers(0, 20))
def test_covers_are_sets_of_moments(
    some: list[tuple[int, int]], others: list[tuple[int, int]], start: int, end: int
) -> None:
    def moments(stretches: list[tuple[float, float]] | list[tuple[int, int]]) -> set[int]:
        return {tick for begin, stop in stretches for tick in range(int(begin), int(stop))}

    assert moments(without(some, others)) == moments(some) - moments(others)
    for found in (merged(some), without(some, others)):
        assert all(before[1] < after[0] for before, after in itertools.pairwise(found))

        assert all(begin < stop for begin, stop in found)
    assert Cover(some).seconds(start, end) == len(moments(some) & set(range(start, end)))


def test_littles_law_counts_what_was_open_and_what_came() -> None:
    logged = [(0.0, 10.0), (5.0, 15.0), (10.0, 30.0)]
    assert littles_law(logged, [10.0, 10.0, 20.0], 0.0, 40.0) == LittlesLaw(open=1.0, arrivals=3 / 40, wait=40 / 3)
    assert littles_law(logged, [10.0, 10.0, 20.0], 0.0, 40.0).gap < 1e-12
    assert littles_law(logged[:2], [10.0, 10.0, 20.0], 0.0, 40.0).gap > 0.2
    assert littles_law([], [], 0.0, 40.0).gap == 0.0
    assert littles_law([(-5.0, 5.0), (35.0, float("inf"))], [10.0], 0.0, 40.0).open == 10.0 / 40
