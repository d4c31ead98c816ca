"""Whether a stream has shifted: calm ones give no alarm, others are found soon and with their beginning."""

import math
import random

import pytest

from baton.flow.shifts import Oftener, Slower, Worse

SEEDS = range(8)
START = 1_700_000_000.0


@pytest.mark.parametrize("seed", SEEDS)
def test_calm_durations_give_no_alarm_and_doubled_ones_do(seed: int) -> None:
    chance, stream, at = random.Random(seed), Slower(), START
    for _ in range(5_000):
        at += 10.0
        stream.take(at, 2.0 * chance.lognormvariate(0.0, 0.5))
        assert stream.shift is None
    began = at
    for count in range(100):  # noqa: B007
        at += 10.0
        stream.take(at, 5.0 * chance.lognormvariate(0.0, 0.5))
        if stream.shift is not None:
            break
    assert stream.shift is not None and count < 40
    assert abs(stream.shift.began - began) <= 300.0
    assert 1.7 < stream.shift.usual < 2.3 < stream.shift.now
    for _ in range(40):
        at += 10.0
        stream.take(at, 2.0 * chance.lognormvariate(0.0, 0.5))
    assert stream.shift is None  # it is over


def test_one_that_hung_is_no_shift() -> None:
    chance, stream = random.Random(1), Slower()
    for number in range(500):
        stream.take(START + number, 3600.0 if number % 100 == 99 else chance.lognormvariate(0.0, 0.3))
    assert stream.shift is None


@pytest.mark.parametrize("usual", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_share_that_is_usual_gives_no_alarm_and_a_higher_one_does(seed: int, usual: float) -> None:
    chance, stream, at = random.Random(seed), Worse(), START
    for _ in range(3_000):
        at += 10.0
        stream.take(at, chance.random() < usual)
        assert stream.shift is None
    began = at
    while stream.shift is None and at < began + 3600.0:
        at += 10.0
        stream.take(at, chance.random() < 0.8)
    assert stream.shift is not None
    assert abs(stream.shift.began - began) <= 300.0


def arrivals(chance: random.Random, start: float, end: float, each_minute: float, daily: float = 0.0) -> list[float]:
    found, at = list[float](), start
    while True:
        at += chance.expovariate(each_minute * (1 + daily) / 60)
        if at >= end:
            return found
        wave = 1 + daily * math.sin(at / 86400 * 2 * math.pi)
        if chance.random() < wave / (1 + daily):
            found.append(at)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_with_its_hours_is_no_flood_and_a_flood_is_one(seed: int) -> None:
    chance, stream = random.Random(seed), Oftener()
    for at in arrivals(chance, START, START + 2 * 86400, 2.0, daily=0.8):
        stream.take(at)
        stream.look(at)
        assert stream.shift is None
    began = START + 2 * 86400
    for at in arrivals(chance, began, began + 1200, 20.0):
        stream.take(at)
    assert stream.shift is not None
    assert abs(stream.shift.began - began) <= 300.0
    assert stream.shift.found < began + 300.0
    stream.look(began + 1800)
    assert stream.shift is None
