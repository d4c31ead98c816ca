"""Lives from events, and the lookout over them: what is found, about what, since when, and why."""

import json
import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.flow.lives import Lives, tick
from baton.flow.lookout import Lookout
from baton.flow.spent import Roll, busy, spent
from baton.flow.troubles import Trouble
from baton.ledger.history import Row
from support import SmallStaff

START = 1_700_000_000.0
HOUR = 3600.0


class Tape:
    """Events as the record tells them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def note(self, at: float, run: str, kind: str, **data: object) -> None:
        self.rows.append((0, 0, run, kind, json.dumps(data), at))

    def played(self) -> list[Row]:
        return sorted(self.rows, key=lambda row: row[5])


def run_at(tape: Tape, at: float, run: str, seconds: float = 2.0, tool: float = 0.3) -> float:
    """A run of two calls of its model and a tool; when it ended."""
    tape.note(at, run, "run.submitted", agent="clerk")
    at += seconds
    tape.note(at, run, "model.answered", model="m", seconds=seconds, attempts=1)
    tape.note(at, run, "effect.claimed", action=run, tool="look")
    tape.note(at + tool, run, "effect.done", action=run)
    at += tool + seconds
    tape.note(at, run, "model.answered", model="m", seconds=seconds, attempts=1)
    tape.note(at, run, "run.ended", outcome="done")
    return at


def looked(
    rows: Sequence[Row], staff: SmallStaff, until: float, of: dict[str, tuple[str, str]] | None = None
) -> list[Trouble]:
    """What is told over a time, each minute, as it was first told."""
    lives, lookout, told, place = Lives(), Lookout(staff), dict[tuple[str, str], Trouble](), 0
    at = rows[0][5]
    while at < until:
        at += 60.0
        first = place
        while place < len(rows) and rows[place][5] < at:
            place += 1
        lives.take(rows[first:place], of)
        lookout.take(lives.hand_over())
        for one in lookout.look(lives, at):
            told.setdefault(one.key, one)
    return list(told.values())


NOBODY = SmallStaff({})


def calm(chance: random.Random, start: float, end: float, each: float) -> Iterator[float]:
    at = start
    while (at := at + chance.expovariate(1 / each)) < end:
        yield at


def test_a_model_that_slows_down_is_named_with_its_beginning() -> None:
    chance, tape = random.Random(1), Tape()
    slow = START + 3 * HOUR
    for number, at in enumerate(calm(chance, START, START + 4 * HOUR, 40.0)):
        run_at(tape, at, f"run_{number}", chance.lognormvariate(0.7, 0.4) * (5.0 if at > slow else 1.0))
    (one,) = looked(tape.played(), NOBODY, START + 4 * HOUR)
    assert (one.kind, one.about) == ("slow model", "m")
    assert abs(one.began - slow) < 300.0 and one.found < slow + 600.0


def test_a_flood_says_whose_it_is() -> None:
    chance, tape, of = random.Random(2), Tape(), dict[str, tuple[str, str]]()
    began = START + 3 * HOUR
    times = [(at, "web") for at in calm(chance, START, START + 4 * HOUR, 40.0)]
    times += [(at, "robot") for at in calm(chance, began, began + 1200.0, 2.0)]
    for number, (at, by) in enumerate(sorted(times)):
        run_at(tape, at, f"run_{number}")
        of[f"run_{number}"] = ("local", by)
    (one,) = looked(tape.played(), NOBODY, START + 4 * HOUR, of)
    assert (one.kind, one.about) == ("flood", "clerk")
    assert "requester robot" in one.cause and abs(one.began - began) < 300.0


def ask(tape: Tape, at: float, number: int, by: str | None, took: float = 20.0) -> None:
    run, review = f"run_q{number}", f"rev_{number}"
    tape.note(at, run, "run.submitted", agent="clerk")
    tape.note(at + 1.0, run, "model.answered", model="m", seconds=1.0, attempts=1)
    tape.note(at + 1.0, run, "review.opened", review=review, about="clerk/pay")
    if by is not None:
        tape.note(at + 1.0 + took, run, "review.claimed", review=review, by=by, until=at + 900.0)
        tape.note(at + 61.0 + took, run, "review.closed", review=review, by=by, decision="approve")
        tape.note(at + 61.0 + took, run, "message.decision")
        tape.note(at + 62.0 + took, run, "model.answered", model="m", seconds=1.0, attempts=1)
        tape.note(at + 62.0 + took, run, "run.ended", outcome="done")


def test_who_is_on_duty_and_does_not_answer_is_missed_and_who_is_off_duty_is_not() -> None:
    tape, staff = Tape(), SmallStaff({"ann": [(START, START + 9 * HOUR)], "bob": [(START - 9 * HOUR, START)]})
    for number in range(20):
        ask(tape, START + number * 400.0, number, "ann", 15.0 + number)
    gone = START + 20 * 400.0
    ask(tape, gone, 20, None)
    (one,) = looked(tape.played(), staff, gone + HOUR / 2)
    assert (one.kind, one.about) == ("absent", "ann")
    assert one.found - gone < 600.0 and 0 <= gone - one.began < 400.0


def test_who_is_ill_beside_somebody_faster_is_missed_too() -> None:
    tape, staff = Tape(), SmallStaff({name: [(START, START + 9 * HOUR)] for name in ("ann", "bob")})
    for number in range(40):
        ask(tape, START + number * 300.0, number, ("ann", "bob")[number % 2], 15.0 + number % 9)
    ill = START + 40 * 300.0
    for number in range(40, 80):
        ask(tape, START + number * 300.0, number, "ann", 15.0 + number % 9)
    (one,) = looked(tape.played(), staff, START + 80 * 300.0)
    assert (one.kind, one.about) == ("absent", "bob")
    assert abs(one.began - ill) < 600.0


def test_runs_that_nobody_works_on_are_told() -> None:
    tape = Tape()
    for number in range(10):
        run_at(tape, START + number * 30.0, f"run_{number}")
    tape.note(START + 600.0, "run_x", "run.submitted", agent="clerk")
    (one,) = looked(tape.played(), NOBODY, START + 1200.0)
    assert (one.kind, one.began) == ("nobody works", START + 600.0)


KINDS = st.sampled_from(
    ["model.answered", "effect.claimed", "effect.done", "effect.failed", "effect.postponed", "review.opened",
     "review.claimed", "review.released", "review.held", "review.undone", "review.closed", "message.decision",
     "message.user", "run.troubled", "run.taken_over", "call.recorded"]
)  # fmt: skip
STEPS = st.tuples(KINDS, st.floats(0.0, 5000.0), st.sampled_from("ab"), st.floats(0.0, 100.0))


@given(st.lists(STEPS, max_size=40), st.floats(1e9, 2e9))
def test_whatever_happens_the_parts_are_all_of_a_life_to_the_last_bit(
    steps: list[tuple[str, float, str, float]], begun: float
) -> None:
    tape, at = Tape(), begun
    tape.note(at, "r", "run.submitted", agent="clerk")
    for kind, later, which, seconds in steps:
        at += later
        tape.note(
            at,
            "r",
            kind,
            action=which,
            tool="t",
            review=which,
            by=which,
            until=at + 600,
            seconds=seconds,
            decision="reject",
        )
    at += 1.0
    tape.note(at, "r", "run.ended", outcome="done")
    lives = Lives()
    lives.take(tape.rows)
    life = lives.lives["r"]
    staff = SmallStaff({"a": [(begun + 100.0, begun + 9000.0)]})
    parts = spent(life, Roll(staff, busy(lives.traffic.claimed), begun, at))
    assert parts.whole == life.whole / 2**20
    assert life.whole == tick(at) - tick(begun)
    assert min(parts.all) >= 0.0


@pytest.mark.parametrize("seed", range(4))
def test_a_calm_day_gives_no_alarm(seed: int) -> None:
    chance, tape = random.Random(seed), Tape()
    for number, at in enumerate(calm(chance, START, START + 12 * HOUR, 60.0)):
        run_at(tape, at, f"run_{number}", chance.lognormvariate(0.7, 0.5), chance.lognormvariate(-1.0, 0.5))
    assert looked(tape.played(), NOBODY, START + 12 * HOUR) == []
