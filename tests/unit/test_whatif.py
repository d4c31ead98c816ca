"""What if: questions played again with other people, another order, more or fewer of them."""

import random
from typing import Any

import pytest

from baton.core import InvalidValue
from baton.flow.whatif import Change, Played, Question, Worker, changed, enough, play, run_times

HOUR = 3600.0
END = 40 * HOUR


def questions(many: int, each: float, work: float, patience: float = HOUR, seed: int = 1) -> list[Question]:
    chance, at, made = random.Random(seed), 0.0, list[Question]()
    for number in range(many):
        at += chance.expovariate(1 / each)
        made.append(
            Question(
                id=f"q{number}",
                kind="even" if number % 2 == 0 else "odd",
                at=at,
                due=at + patience,
                cost=1.0,
                whom=((), ("tax",) if number % 2 else ()),
                work=chance.expovariate(1 / work),
            )
        )
    return made


def worker(name: str, *skills: str) -> Worker:
    return Worker(name=name, duty=[(0.0, END)], may=lambda whom: set(skills).issuperset(whom[1]))


def test_waits_are_those_of_a_queue_with_one_server() -> None:
    """Waits of M/M/1 at load 0.7 are 0.7 / 0.3 of the service time on average (Pollaczek 1930)."""
    asked = questions(20_000, 100.0, 70.0, patience=1e9)
    end = asked[-1].at + HOUR
    one = Worker(name="ann", duty=[(0.0, end)], may=lambda whom: True)
    found = play(asked, [one], end, discipline="first-come")
    assert sum(found.waits) / len(found.waits) == pytest.approx(70.0 * 0.7 / 0.3, rel=0.12)
    assert found.busy["ann"] == pytest.approx(0.7, rel=0.03)


def test_nobody_answers_what_they_may_not_or_while_they_are_off_duty() -> None:
    asked = questions(40, 600.0, 60.0)
    found = play(asked, [worker("ann")], END)
    assert len(found.waits) == 20 and found.left == 20  # the others need somebody who knows taxes
    late = Worker(name="eve", duty=[(30 * HOUR, END)], may=lambda whom: True)
    assert min(play(asked, [late], END).waits) >= 30 * HOUR - asked[-1].at


def test_more_people_miss_less_and_more_questions_miss_more() -> None:
    asked, people = questions(300, 300.0, 400.0), [worker("ann", "tax")]
    base = play(asked, people, END)

    def with_(change: Change) -> Played:
        more, who = changed(asked, people, change)
        return play(more, who, END)

    assert with_(Change(added=("ann",))).missed < base.missed
    assert with_(Change(load=1.5)).missed > base.missed
    assert with_(Change(without=frozenset({"odd"}))).asked == 150
    assert with_(Change(work=0.5)).missed < base.missed


def test_the_order_matters() -> None:
    asked = [
        Question(id="slow", kind="a", at=0.0, due=9 * HOUR, cost=1.0, whom=((), ()), work=600.0),
        Question(id="long", kind="a", at=1.0, due=8 * HOUR, cost=1.0, whom=((), ()), work=HOUR),
        Question(id="soon", kind="a", at=2.0, due=0.5 * HOUR, cost=1.0, whom=((), ()), work=600.0),
    ]
    people = [worker("ann")]
    assert play(asked, people, END, discipline="first-come").missed == 1
    assert play(asked, people, END, discipline="urgent-first").missed == 0


def test_people_are_added_until_it_is_enough() -> None:
    asked, people = questions(300, 300.0, 600.0), [worker("ann"), worker("tim", "tax")]
    steps = enough(asked, people, END, 0.02)
    assert [len(names) for names, _ in steps] == list(range(len(steps)))
    assert steps[0][1].missed > 6 >= steps[-1][1].missed
    assert "tim" in steps[-1][0]  # half of the questions need what only he knows


@pytest.mark.parametrize(
    ("said", "told"), [({"load": 0.0}, "load"), ({"discipline": "luck"}, "discipline 'luck'"), ({"work": -1}, "work")]
)
def test_a_change_that_cannot_be_is_refused(said: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        Change(**said)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="person 'bob'"):
        changed((), [worker("ann")], Change(added=("bob",)))


def test_a_model_that_thinks_half_as_long_ends_runs_sooner_by_that_and_by_earlier_answers() -> None:
    ann = Worker(name="ann", duty=[(0.0, 100.0), (9000.0, END)], may=lambda whom: True)
    seen: dict[str, Any] = {"kind": "a", "due": 1e9, "cost": 1.0, "whom": ((), ()), "work": 10.0}
    asked = [
        Question(id="q1", at=150.0, run="r1", thought=120.0, **seen),  # after ann has gone home
        Question(id="q2", at=9500.0, run="r2", thought=100.0, **seen),
        Question(id="q3", at=END + 1, run="r3", thought=0.0, **seen),  # nobody answers it
    ]
    lived = {"r1": (9010.0, 120.0), "r2": (300.0, 200.0), "r3": (5.0, 1.0), "r4": (80.0, 60.0)}
    change = Change(thinking=0.5)
    base, (other, people) = play(asked, [ann], END), changed(asked, [ann], change)
    assert [one.at for one in other][:2] == [90.0, 9450.0]
    then = play(other, people, END)
    found = run_times(lived, asked, base, then, change)
    # r1 is asked before ann goes home: 60 s of thinking less, and answered after 10 s in place of 8,860
    assert found == [80.0 - 30.0, 9010.0 - 60.0 - 8850.0, 300.0 - 100.0]
    without = Change(without=frozenset({"a"}))
    gone = play(*changed(asked, [ann], without), END)
    assert run_times(lived, asked[:1], base, gone, without) == sorted([5.0, 80.0, 300.0, 9010.0 - 8860.0])
