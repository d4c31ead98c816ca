"""The built-in tool `plan`: the intention made known, and what its times come to."""

from collections.abc import Mapping, Sequence
from typing import Any

from baton.agents.builtin import StepTime
from baton.core import Action, InvalidValue, format_duration, format_time, parse_duration, parse_time
from baton.core.network import Schedule, Step, schedule
from baton.graph.outcome import Outcome, refusal
from baton.graph.scene import Scene
from baton.ledger import events


async def plan(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Make the intention known; what it is evidence of is worked out from the record, in judging."""
    steps: list[str] = arguments["steps"]
    tools: list[str] = arguments["tools"] or []
    made: dict[str, Any] = {"action": action.id, "steps": steps, "tools": tools}
    text = "noted"
    if arguments["times"]:
        try:
            found = _scheduled(scene, len(steps), arguments["times"])
        except InvalidValue as error:
            return refusal(f"{error}")
        now = scene.ledger.clock.now()
        text = f"noted: {_told(found, now)}"
        made["times"] = _document(found, now)
    return Outcome(text=text, riders=[lambda tx: events.emit(tx, scene.run.id, "plan.made", **made)])


def steps_told(made: Mapping[str, Any]) -> list[str]:
    """The steps of a plan as it was recorded, each with its times where it has some."""
    steps, times = [str(step) for step in made["steps"]], made.get("times")
    if not times:
        return steps
    return [
        f"{step} (from {format_time(begin)}{'' if end is None else f', by {format_time(end)}'})"
        for step, (begin, end) in zip(steps, times["steps"], strict=True)
    ]


def _scheduled(scene: Scene, count: int, times: Sequence[StepTime]) -> Schedule:
    """The times of a plan, held against the goal's deadline.

    Raises:
        InvalidValue: for a number that is no step's, a time that cannot be read, or times that cannot all be kept.
    """
    said = {one.step: one for one in times}
    for number in (*said, *(other for one in times for other in one.after if other != 0)):
        if not 1 <= number <= count:
            raise InvalidValue("step of the plan", number, f"a number from 1 to {count}")
    now, run = scene.ledger.clock.now(), scene.run
    steps = [_step(scene, number, said.get(number, StepTime(step=number)), now) for number in range(1, count + 1)]
    left = None if run.deadline is None else run.deadline - now
    return schedule(steps, left if left is not None and left > 0 else None)


def _step(scene: Scene, number: int, said: StepTime, now: float) -> Step:
    before = said.after or ([number - 1] if number > 1 else [])

    def moment(text: str) -> float | None:
        return parse_time(text, now=now, zone=scene.team.setting.zone) - now if text else None

    return Step(
        name=f"step {number}",
        least=parse_duration(said.takes).total_seconds() if said.takes else 0.0,
        after=tuple(f"step {other}" for other in before if other != 0),
        start=moment(said.start),
        end=moment(said.end),
    )


def _told(found: Schedule, now: float) -> str:
    late = [f"{name} by {format_duration(one.slack)}" for name, one in found.steps.items() if one.slack]
    decides = f"; {', '.join(found.critical)} decide that" if found.critical else ""
    spare = f"; may be late: {', '.join(late)}" if late else ""
    return f"it takes {format_duration(found.length)}, until {format_time(now + found.length)}{decides}{spare}"


def _document(found: Schedule, now: float) -> dict[str, Any]:
    """As it is kept with the plan: each step's beginning and latest end, in seconds since 1970."""
    return {
        "ends": now + found.length,
        "critical": list(found.critical),
        "steps": [
            [now + one.begins, None if one.latest_end is None else now + one.latest_end] for one in found.steps.values()
        ],
    }
