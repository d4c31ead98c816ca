"""Plans with time: earliest and latest, slack, the critical path, and what contradicts itself."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import InvalidValue
from baton.core.network import Constraint, Contradiction, Step, negative_circle, schedule

HOUR = 3600.0


def test_a_plan_has_its_times_its_slack_and_its_critical_path() -> None:
    found = schedule(
        [
            Step(name="read", least=HOUR),
            Step(name="ask", least=HOUR, usual=3 * HOUR, after=("read",)),
            Step(name="draw", least=HOUR, after=("read",)),
            Step(name="send", least=HOUR, after=("ask", "draw")),
        ]
    )
    assert found.length == 5 * HOUR
    assert found.critical == ("read", "ask", "send")
    draw = found.steps["draw"]
    assert (draw.begins, draw.ends, draw.latest_end, draw.slack) == (HOUR, 2 * HOUR, 4 * HOUR, 2 * HOUR)
    assert [one.slack for name, one in found.steps.items() if name != "draw"] == [0.0, 0.0, 0.0]


def test_a_deadline_gives_slack_to_all() -> None:
    found = schedule([Step(name="a", least=HOUR), Step(name="b", least=HOUR, after=("a",))], deadline=5 * HOUR)
    assert [one.slack for one in found.steps.values()] == [3 * HOUR, 3 * HOUR]
    late = schedule([Step(name="a", least=HOUR, usual=3 * HOUR)], deadline=2 * HOUR)
    assert late.steps["a"].slack == -HOUR  # possible, but not as it mostly goes


def test_what_cannot_be_kept_is_refused_with_the_smallest_set_of_reasons() -> None:
    steps = [
        Step(name="other", least=HOUR),
        Step(name="read", least=2 * HOUR, after=("other",)),
        Step(name="ask", least=3 * HOUR, after=("read",), end=4 * HOUR),
        Step(name="late", least=HOUR, start=9 * HOUR, end=9.5 * HOUR),
    ]
    with pytest.raises(Contradiction) as told:
        schedule(steps)
    assert sorted(one.says for one in told.value.reasons) == [
        "late begins no earlier than 9 h",
        "late is over within 9 h 30 min",
        "late takes at least 1 h",
    ]
    assert told.value.over == HOUR / 2


def test_steps_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(Contradiction):
        schedule([Step(name="a", least=1.0, after=("b",)), Step(name="b", after=("a",))])
    with pytest.raises(InvalidValue, match="order of steps"):
        schedule([Step(name="a", after=("b",)), Step(name="b", after=("a",))])


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([Step(name="a"), Step(name="a")], "name of a step"),
        ([Step(name="a", after=("b",))], "after of step a"),
        ([Step(name="a", least=5.0, usual=1.0)], "length of step a"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(steps: list[Step], told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        schedule(steps)


MOMENTS = ["", "a", "b", "c"]
BOUNDS = st.tuples(st.sampled_from(MOMENTS), st.sampled_from(MOMENTS), st.integers(-5, 8)).map(
    lambda said: Constraint(said[0], said[1], float(said[2]), "")
)


def feasible(constraints: list[Constraint]) -> bool:
    """Whether times exist, by the distances of all pairs (Floyd 1962)."""
    far = {(a, b): (0.0 if a == b else float("inf")) for a in MOMENTS for b in MOMENTS}
    for one in constraints:
        far[one.earlier, one.later] = min(far[one.earlier, one.later], one.most)
    for k, i, j in itertools.product(MOMENTS, repeat=3):
        far[i, j] = min(far[i, j], far[i, k] + far[k, j])
    return all(far[one, one] >= 0 for one in MOMENTS)


@given(st.lists(BOUNDS, max_size=7))
def test_a_circle_is_found_exactly_where_no_times_exist_and_none_smaller_would_do(
    constraints: list[Constraint],
) -> None:
    found = negative_circle(MOMENTS, constraints)
    assert (found is None) == feasible(constraints)
    if found is not None:
        assert sum(one.most for one in found) < 0 and not feasible(found)
        for some in itertools.combinations(constraints, len(found) - 1):
            assert feasible(list(some))
