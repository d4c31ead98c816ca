"""Steps: work for an agent or a person, a tool call, a wait for a time or an event, and what is worked out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from baton.core import InvalidValue, dump
from baton.graph.patterns.data import Made, made, shown
from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.results import Result
from baton.graph.patterns.walking import At


@dataclass(frozen=True)
class _Calling(Pattern):
    """A step that is a call of a tool."""

    def go(self, at: At) -> Result | None:
        if at.found(self.label) is None:
            at.begin(self.label, self.what, self.tool_name, self.said)
        row = at.found(self.label)
        return None if row is None or row.state is None else Result(row.state, row.value, row.said)

    @property
    def tool_name(self) -> str:
        """The tool that it calls."""
        raise NotImplementedError

    def said(self, data: dict[str, Any]) -> dict[str, Any]:
        """The arguments of its call, made of what is known."""
        arguments: dict[str, Any] = made(self.says, data)
        return arguments


@dataclass(frozen=True)
class Do(_Calling):
    """A piece of work for another agent, or for a person: a hand-off.

    Attributes:
        name: Of the step.
        to: The agent, or `person:` with a name or role.
        task: What to do.
        contract: What kind of work it is; None is in words alone.
        payload: What the contract says is said with it.
        within: How long it may take, such as `2h`; None is as long as it takes.
        tokens: How many tokens an agent may use for it; None is what is left.
    """

    name: str = field()
    to: str
    task: Made
    contract: str | None = None
    payload: Made = None
    within: str | None = None
    tokens: int | None = None

    @property
    def tool_name(self) -> str:
        return "hand_off"

    @property
    def what(self) -> str:
        return f"do {self.to}"

    @property
    def says(self) -> Made:
        fields = ("to", "task", "contract", "payload", "within", "tokens")
        return {name: getattr(self, name) for name in fields if getattr(self, name) is not None}

    def said(self, data: dict[str, Any]) -> dict[str, Any]:
        arguments = super().said(data)
        return {**arguments, "task": shown(arguments["task"])}


@dataclass(frozen=True)
class Call(_Calling):
    """A call of one of the workflow's own tools: judged, and carried out once.

    Attributes:
        name: Of the step.
        tool: The tool's name.
        arguments: What it is called with.
    """

    name: str = field()
    tool: str
    arguments: Made = ()

    @property
    def tool_name(self) -> str:
        return self.tool

    @property
    def what(self) -> str:
        return f"call {self.tool}"

    @property
    def says(self) -> Made:
        return self.arguments or {}


@dataclass(frozen=True)
class Wait(_Calling):
    """A wait for a time.

    Attributes:
        name: Of the step.
        duration: How long, such as `2h`; None where it is until a time.
        until: Until when: a date and time, or the next `08:00`; None where it is for a while.
    """

    name: str = field()
    duration: Made = None
    until: Made = None

    @property
    def tool_name(self) -> str:
        return "wait"

    @property
    def says(self) -> Made:
        return {"duration": self.duration} if self.until is None else {"until": self.until}

    def check(self) -> None:
        if (self.duration is None) == (self.until is None):
            raise InvalidValue(f"time of {self.name}", self.duration, "either a duration or `until`")


@dataclass(frozen=True)
class Until(_Calling):
    """A wait for an event.

    Attributes:
        name: Of the step.
        event: Its name, such as `order.shipped`.
        key: Which one, such as an order's number; empty is one without a key.
        within: How long at most, such as `2d`; None is for ever.
    """

    name: str = field()
    event: str
    key: Made = ""
    within: str | None = None

    @property
    def tool_name(self) -> str:
        return "wait_for"

    @property
    def what(self) -> str:
        return f"until {self.event}"

    @property
    def says(self) -> Made:
        said: dict[str, Any] = {"event": self.event}
        return said | {name: value for name, value in (("key", self.key), ("within", self.within)) if value}


@dataclass(frozen=True)
class Compute(Pattern):
    """What is worked out of what is known; worked out once, and recorded.

    Attributes:
        name: Of the step.
        function: Gets the data; what it gives has to be something that JSON can hold. Or a value with fields.
    """

    name: str = field()
    function: Made | Callable[[dict[str, Any]], Any]

    @property
    def says(self) -> Made:
        return self.function

    def go(self, at: At) -> Result | None:
        try:
            return Result("returned", json.loads(dump(made(self.function, at.view))))
        except Exception as error:  # a function that the user wrote
            return Result("failed", said=f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Skip(Pattern):
    """Nothing to do."""

    name: str = field()

    def go(self, at: At) -> Result | None:
        return Result("skipped")


@dataclass(frozen=True)
class Fail(Pattern):
    """A failure of its own, told to what it is within.

    Attributes:
        name: Of the step.
        why: In words.
    """

    name: str = field()
    why: Made

    @property
    def says(self) -> Made:
        return self.why

    def go(self, at: At) -> Result | None:
        return Result("failed", said=str(made(self.why, at.view)))


@dataclass(frozen=True)
class Stop(Pattern):
    """The end of the whole workflow, whatever else is open.

    Attributes:
        name: Of the step.
        outcome: How it ends.
        said: Its summary.
    """

    name: str = field()
    outcome: Literal["done", "refused", "failed"] = "done"
    said: Made = "stopped"

    @property
    def says(self) -> Made:
        return self.said

    def go(self, at: At) -> Result | None:
        said = made(self.said, at.view)
        states: dict[str, Literal["returned", "refused", "failed"]] = {"done": "returned"}
        result = Result(states.get(self.outcome, self.outcome), said, str(said))  # type: ignore[arg-type]
        at.walk.stop = at.walk.stop or result
        return result
