"""What the steps of a workflow may say in a project file, kind by kind."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class WorkflowEntry(BaseModel):
    """A workflow of a project file; its steps are read by `Steps`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    steps: list[Any] = Field(min_length=1)
    description: str = ""
    tools: list[Any] = []
    policy: str | None = None
    shadow: str | None = None
    contracts: list[str] = []
    summary: Any = None
    answer: Any = None


class StepEntry(BaseModel):
    """What every step may say."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: str = ""
    on_failure: Any = "fail"


class LeafEntry(StepEntry):
    """A step with nothing within it, which needs a name."""

    name: str = Field(min_length=1)


class DoEntry(LeafEntry):
    """Work for an agent or a person."""

    do: str
    task: str
    contract: str | None = None
    payload: Any = None
    within: str | None = None
    tokens: int | None = None


class CallEntry(LeafEntry):
    """A call of a tool."""

    call: str
    arguments: Any = {}


class WaitEntry(LeafEntry):
    """A wait for a time."""

    wait: str | None
    until: str | None = None


class EventEntry(LeafEntry):
    """A wait for an event."""

    event: str
    key: str = ""
    within: str | None = None


class ComputeEntry(LeafEntry):
    """A value."""

    compute: Any


class SkipEntry(LeafEntry):
    """Nothing to do."""

    skip: None = None


class FailEntry(LeafEntry):
    """A failure."""

    fail: str


class StopEntry(LeafEntry):
    """The end of all."""

    stop: str
    outcome: Literal["done", "refused", "failed"] = "done"


class PartsEntry(StepEntry):
    """A list of parts and nothing else."""

    sequence: list[Any] = []
    race: list[Any] = []
    discriminator: list[Any] = []
    ladder: list[Any] = []


class ParallelEntry(StepEntry):
    """Side by side."""

    parallel: list[Any]
    join: Literal["all", "any"] | int = "all"
    others: Literal["cancel", "go on"] = "cancel"


class ChoiceEntry(StepEntry):
    """One way, or some."""

    choice: list[Any] = []
    multi_choice: list[Any] = []
    otherwise: Any = None


class WayEntry(BaseModel):
    """A way that may be taken."""

    model_config = ConfigDict(extra="forbid")

    when: str
    then: Any


class LoopEntry(StepEntry):
    """Again."""

    loop: Any
    while_: str | None = Field(None, alias="while")
    until: str | None = None
    most: int


class MapEntry(StepEntry):
    """The same for each."""

    map: Any
    step: Any
    at_once: int = 10
    join: Literal["all", "any"] | int = "all"
    failures: Literal["fail", "go on"] = "fail"


class FirstOfEntry(StepEntry):
    """What happens first."""

    first_of: list[Any]


class OnEntry(BaseModel):
    """Something that may happen first."""

    model_config = ConfigDict(extra="forbid")

    of: Any
    then: Any = None


class MilestoneEntry(StepEntry):
    """Between two steps."""

    milestone: Any
    after: str
    before: str | None = None


class SagaEntry(StepEntry):
    """With what undoes it."""

    saga: list[Any]


class ActEntry(BaseModel):
    """A part of a saga."""

    model_config = ConfigDict(extra="forbid")

    step: Any
    undo: Any = None


class ReviewedEntry(StepEntry):
    """Done by one, looked over by another."""

    reviewed: Any
    review: Any
    most: int = 3


KINDS: Mapping[str, type[StepEntry]] = {
    "do": DoEntry,
    "call": CallEntry,
    "wait": WaitEntry,
    "event": EventEntry,
    "compute": ComputeEntry,
    "skip": SkipEntry,
    "fail": FailEntry,
    "stop": StopEntry,
    "sequence": PartsEntry,
    "parallel": ParallelEntry,
    "choice": ChoiceEntry,
    "multi_choice": ChoiceEntry,
    "loop": LoopEntry,
    "map": MapEntry,
    "first_of": FirstOfEntry,
    "race": PartsEntry,
    "discriminator": PartsEntry,
    "milestone": MilestoneEntry,
    "saga": SagaEntry,
    "ladder": PartsEntry,
    "reviewed": ReviewedEntry,
}
"""What a step may be, by the word that says so."""
