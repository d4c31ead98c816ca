"""When runs end: a range that nine in ten keep to, also while runs become slower."""

import random

import pytest

from baton.flow.ends import LEAST, Lengths, learn


def lived(seed: int, many: int, slower: float = 1.0) -> list[tuple[float, float]]:
    chance, at, found = random.Random(seed), 0.0, list[tuple[float, float]]()
    for number in range(many):
        at += chance.expovariate(1 / 40)
        late = slower if number > many / 2 else 1.0
        asks = chance.expovariate(1 / 1800) if chance.random() < 0.25 else 0.0
        found.append((at, at + late * (chance.lognormvariate(3.0, 0.6) + asks)))
    return found


@pytest.mark.parametrize("slower", [1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_nine_in_ten_keep_to_their_range(seed: int, slower: float) -> None:
    learnt = learn(lived(seed, 3000, slower))
    assert learnt.told > 2500
    assert 0.87 <= learnt.kept / learnt.told <= 0.93


def test_what_has_lasted_long_is_expected_to_last_longer() -> None:
    lengths = learn(lived(1, 2000)).lengths
    fresh, old = lengths.range(), lengths.range(600.0)
    assert fresh is not None and old is not None
    assert fresh.low < fresh.middle < fresh.high
    assert 600.0 <= old.low < old.middle


def test_nothing_is_said_while_too_little_is_known() -> None:
    lengths = Lengths()
    for _ in range(LEAST - 1):
        lengths.take(10.0)
    assert lengths.range() is None
    lengths.take(10.0)
    assert lengths.range() is not None
    assert lengths.range(20.0) is None  # none has lasted as long


def test_runs_that_are_alike_are_taken_one_by_one() -> None:
    learnt = learn([(float(number), number + 10.0) for number in range(100) for _ in range(2)])
    assert learnt.told > 100 and learnt.kept == learnt.told
