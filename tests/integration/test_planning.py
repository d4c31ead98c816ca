"""The times of a plan that an agent makes: worked out, held against the deadline, refused where they cannot be kept."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Goal
from baton.graph.planning import steps_told
from baton.ledger import events
from support import call, open_office, script, soon, tool_lines

STEPS = ["read", "ask", "draw", "send"]
TIMES = [
    {"step": 1, "takes": "1h"},
    {"step": 2, "takes": "2h", "after": [1]},
    {"step": 3, "takes": "30m", "after": [1]},
    {"step": 4, "takes": "10m", "after": [2, 3]},
]


async def planned(tmp_path: Path, deadline: timedelta | None, **said: Any) -> tuple[str, list[dict[str, Any]]]:
    """What the agent is told of its plan, and the plans on record."""
    goal = Goal("draw it", deadline=deadline)
    mind = script([call("plan", **said)])
    async with open_office(tmp_path / "baton.db", [Agent("clerk", policy="allow-all")], mind) as baton:
        run = await baton.submit(goal)
        await soon(run.result())
        told = (await tool_lines(run))[0]
        made = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "plan.made"))
        return told, [dict(one.data) for one in made]


async def test_a_plan_with_times_says_when_it_ends_what_decides_that_and_what_may_be_late(tmp_path: Path) -> None:
    told, (made,) = await planned(tmp_path, timedelta(hours=8), steps=STEPS, times=TIMES)
    assert "it takes 3 h 10 min" in told
    assert "step 1, step 2, step 4 decide that" in told
    assert "step 3 by 6 h" in told  # 1.5 h until the others are done, and 4 h 50 min until the deadline
    assert made["times"]["critical"] == ["step 1", "step 2", "step 4"]
    (first, last), *_, (begin, end) = made["times"]["steps"]
    assert begin - first == pytest.approx(3 * 3600)
    assert end - last == pytest.approx(2 * 3600 + 600)
    assert all(" (from " in one and ", by " in one for one in steps_told(made))


async def test_times_that_cannot_all_be_kept_are_refused_with_a_smallest_reason(tmp_path: Path) -> None:
    told, made = await planned(tmp_path, timedelta(hours=2), steps=STEPS, times=TIMES)
    assert "all is over within" in told
    assert "step 2 takes at least 2 h" in told
    assert "step 3" not in told  # it has nothing to do with it
    assert made == []


@pytest.mark.parametrize(
    ("times", "says"),
    [
        ([{"step": 7, "takes": "1h"}], "a number from 1 to 4"),
        ([{"step": 1, "after": [9]}], "a number from 1 to 4"),
        ([{"step": 1, "end": "yesterday"}], "yesterday"),
        ([{"step": 1, "after": [2]}, {"step": 2, "after": [1]}], "none comes after itself"),
    ],
)
async def test_times_that_say_nothing_are_refused(times: list[dict[str, Any]], says: str, tmp_path: Path) -> None:
    told, made = await planned(tmp_path, None, steps=STEPS, times=times)
    assert says in told
    assert made == []


async def test_a_plan_in_words_alone_is_noted(tmp_path: Path) -> None:
    told, (made,) = await planned(tmp_path, timedelta(hours=1), steps=STEPS)
    assert told == "noted"
    assert steps_told(made) == STEPS
