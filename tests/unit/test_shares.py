"""Fair shares: who is served next."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import InvalidValue
from baton.ledger.shares import Shares, spare


def served(shares: Shares, waiting: dict[str, int], slots: int, rounds: int, seconds: float = 1.0) -> Counter[str]:
    """Who is served in so many rounds of `slots` runs that take as long."""
    counts = Counter[str]()
    for now in range(rounds):
        begun = list[str]()
        while len(begun) < slots:
            name = shares.next((one for one, many in waiting.items() if many), slots, float(now))
            if name is None:
                break
            waiting[name] -= 1
            shares.began(name)
            begun.append(name)
        for name in begun:
            shares.ended(name, seconds)
        counts.update(begun)
    return counts


def test_a_flood_takes_no_more_than_its_share() -> None:
    counts = served(Shares(), {"flood": 10_000, "other": 400}, 8, 50)
    assert counts == {"flood": 200, "other": 200}


def test_weights_divide_what_there_is() -> None:
    counts = served(Shares({"gold": 3.0}), {"gold": 1000, "plain": 1000}, 4, 100)
    assert 2.8 < counts["gold"] / counts["plain"] < 3.2


def test_who_comes_late_is_not_owed_what_was_served_before() -> None:
    shares = Shares()
    served(shares, {"early": 1000}, 4, 50)
    counts = served(shares, {"early": 1000, "late": 1000}, 4, 50)
    assert abs(counts["early"] - counts["late"]) <= 4


def test_time_counts_and_not_the_number_of_runs() -> None:
    shares, counts, spent = Shares(), Counter[str](), Counter[str]()
    for now in range(400):
        name = shares.next(["long", "short"], 1, float(now))
        assert name is not None
        shares.began(name)
        shares.ended(name, 9.0 if name == "long" else 1.0)
        counts[name] += 1
        spent[name] += 9 if name == "long" else 1
    assert counts["short"] > 5 * counts["long"]
    assert 0.8 < spent["long"] / spent["short"] < 1.25


def test_a_slot_is_kept_for_whoever_else_comes_while_others_have_come_lately() -> None:
    shares = Shares()
    assert shares.next(["b"], 8, 0.0) == "b"
    begun = 0
    while shares.next(["a"], 8, 1.0):
        shares.began("a")
        begun += 1
    assert begun == 8 - spare(8) == 7
    assert shares.next(["a", "b"], 8, 2.0) == "b"
    assert shares.next(["a"], 8, 1000.0) == "a"  # nobody else has come for long: all of it


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.integers(1, 6))
def test_whoever_waits_is_served_while_a_slot_is_free(wanted: list[str], slots: int) -> None:
    waiting = dict(Counter(wanted))
    total = sum(waiting.values())
    assert sum(served(Shares(), waiting, slots, 3 * total).values()) == total


def test_a_share_is_above_nothing() -> None:
    with pytest.raises(InvalidValue, match="share of tenant a"):
        Shares({"a": 0.0})
