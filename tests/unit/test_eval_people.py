from collections import Counter
from datetime import timedelta

import pytest

from baton.core import InvalidValue, read_moment
from baton.evals import Reviewer, Spread, Turn, User, office_hours
from baton.evals.chance import dice
from baton.evals.clock import JumpClock
from baton.evals.reviewers import fitted
from baton.evals.staffing import Question, copies, simulate
from baton.evals.users import SimulatedUser, Spoken

MONDAY = read_moment("2026-11-16T09:00+00:00", "UTC")


def test_chance_belongs_to_its_step_and_to_nothing_else() -> None:
    assert dice(1, "case", "question 0").random() == dice(1, "case", "question 0").random()
    draws = {dice(seed, case, step).random() for seed in (1, 2) for case in "ab" for step in range(3)}
    assert len(draws) == 12


def test_a_wrong_action_passes_the_likelier_the_surer_the_agent_is_and_the_more_tired_they_are() -> None:
    ann = Reviewer(name="ann", errs={"refund": 0.05, "*": 0.01}, bias=0.2, tires=0.01, fresh=10)
    assert ann.mistaken("refund", True, 0.9, 0) == pytest.approx(0.05)
    assert ann.mistaken("other", True, None, 0) == pytest.approx(0.01)
    assert ann.mistaken("refund", False, 0.5, 0) == pytest.approx(0.15)
    assert ann.mistaken("refund", False, 1.0, 15) == pytest.approx(0.05 + 0.2 + 0.05)
    assert Reviewer(name="x", errs={"*": 0.9}, bias=0.5).mistaken("", False, 1.0, 0) == 1.0
    with pytest.raises(InvalidValue, match="bias of reviewer bob"):
        Reviewer(name="bob", bias=1.2)


def test_times_are_fitted_to_what_was_seen() -> None:
    spread, chance = Spread(median=120.0, sigma=0.7), dice(1, "fit")
    found = fitted([spread.draw(chance) for _ in range(4000)])
    assert found.median == pytest.approx(120.0, rel=0.05)
    assert found.sigma == pytest.approx(0.7, abs=0.03)
    assert Spread(median=60.0, sigma=0.0).draw(chance) == 60.0


def test_users_answer_change_their_minds_and_vanish_as_often_as_is_said() -> None:
    user = User(
        turns=(Turn(text="More"), Turn(text="Never mind", after=timedelta(hours=1), share=0.3), Turn(text="Thanks")),
        vanishes=0.25,
    )
    changed = gone = 0
    for repeat in range(1000):
        one = SimulatedUser(user, MONDAY, seed=1, repeat=repeat, case="c")
        changed += any(turn.text == "Never mind" for turn in one.turns)
        gone += one.next(Spoken(texts=["More"], waited_since=MONDAY + 10)) is None
    assert changed / 1000 == pytest.approx(0.3, abs=0.05)
    assert gone / 1000 == pytest.approx(0.25, abs=0.05)


def test_a_user_answers_only_once_waited_for_and_says_what_they_planned_at_its_time() -> None:
    user = User(turns=(Turn(text="Yes"), Turn(text="Stop", after=timedelta(hours=2))), spread=0.0)
    one = SimulatedUser(user, MONDAY, seed=1, repeat=0, case="c")
    assert one.next(Spoken(texts=(), waited_since=None)) is None
    assert one.next(Spoken(texts=(), waited_since=MONDAY + 5)) == (MONDAY + 5 + 1800, user.turns[0])
    assert one.next(Spoken(texts=["Yes"], waited_since=None)) == (MONDAY + 7200, user.turns[1])
    assert one.next(Spoken(texts=["Yes", "Stop"], waited_since=MONDAY)) is None


def questions(count: int, every: float) -> list[Question]:
    return [Question(id=str(at), opened=MONDAY + at * every, right=at % 4 != 0, cost=10.0) for at in range(count)]


def test_more_people_are_waited_for_less_and_are_less_loaded() -> None:
    one = Reviewer(name="ann", looks=Spread(median=30.0), thinks=Spread(median=300.0), errs={"*": 0.1})
    found = [simulate(questions(200, 200.0), copies([one], count), seed=1) for count in (1, 2, 4)]
    assert all(each.answered == 200 and each.left == 0 for each in found)
    assert found[0].p90 > found[1].p90 > found[2].p90
    assert found[0].load > found[1].load > found[2].load
    assert found[2].work == pytest.approx(200 * 300 * 2.718281828 ** (0.8**2 / 2) / 3600, rel=0.15)
    assert found[0].overlooked == pytest.approx(50 * 10.0 * 0.1)


def test_who_works_from_nine_to_five_answers_nothing_at_night() -> None:
    evening = [Question(id="0", opened=MONDAY + 9 * 3600.0)]
    ann = Reviewer(name="ann", calendar=office_hours("UTC"), looks=Spread(median=0.0), thinks=Spread(median=60.0))
    found = simulate(evening, [ann])
    assert found.median >= 15 * 3600
    assert simulate(evening, []).left == 1


def test_the_order_matters_where_some_questions_are_urgent() -> None:
    slow = Reviewer(name="ann", looks=Spread(median=0.0, sigma=0.0), thinks=Spread(median=600.0, sigma=0.0))
    asked = [
        Question(id=f"{at:02}", opened=MONDAY + at, due=MONDAY + (5400 if at == 19 else 10**6)) for at in range(20)
    ]
    late = {order: simulate(asked, [slow], discipline=order).late for order in ("oldest", "due", "urgent")}
    assert late["oldest"] > late["due"] == late["urgent"] == 0
    with pytest.raises(InvalidValue, match="one of: urgent, oldest, due"):
        simulate(asked, [slow], discipline="newest")


def test_a_clock_jumps_forward_and_never_back() -> None:
    clock = JumpClock(1000.0)
    clock.jump(90_000.0)
    assert 90_000.0 <= clock.now() < 90_100.0
    clock.jump(50.0)
    assert clock.now() >= 90_000.0


def test_copies_have_names_of_their_own() -> None:
    names = [one.name for one in copies([Reviewer(name="ann"), Reviewer(name="bob")], 5)]
    assert max(Counter(names).values()) == 1
