"""A plan as a file: its steps, what comes after what, and the times that have to be kept."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from baton.core import Duration, InvalidFile, NotFound
from baton.core.network import Step
from baton.core.yaml_file import line_of, read_yaml
from baton.flow.forecasts import Planned


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    takes: Duration | None = None
    most: Duration | None = None
    agent: str | None = None
    after: list[str] = []
    start: Duration | None = None
    end: Duration | None = None


class _Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    steps: list[_Step] = Field(min_length=1)
    deadline: Duration | None = None


def load_plan(path: str | Path) -> Planned:
    """Read a plan.

    Raises:
        NotFound: if it is not there.
        InvalidFile: if it says something that is not allowed: names file, line, field, value and what is allowed.
    """
    file = Path(path)
    if not file.exists():
        raise NotFound("plan", str(file), hint="docs/flow.md, Plans with time, shows one.")
    said, tree = read_yaml(file, _Plan)
    for number, step in enumerate(said.steps):
        if step.takes is None and step.agent is None:
            line = line_of(tree, ("steps", number))
            raise InvalidFile(str(file), line, f"steps.{number}", step.name, "takes, a time; or agent, whose runs say")
    return Planned(
        steps=tuple(
            Step(
                name=step.name,
                least=_seconds(step.takes) or 0.0,
                most=_seconds(step.most),
                after=tuple(step.after),
                start=_seconds(step.start),
                end=_seconds(step.end),
            )
            for step in said.steps
        ),
        agents={step.name: step.agent for step in said.steps if step.agent is not None},
        deadline=_seconds(said.deadline),
    )


def _seconds(length: Duration | None) -> float | None:
    return None if length is None else length.total_seconds()
