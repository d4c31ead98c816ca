"""A workflow: an agent whose model is a composition of steps."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from baton.agents import Agent, Tool
from baton.core import Condition, Contract, InvalidValue, ToolSpec, digest, dump
from baton.graph.patterns.data import KNOWN, Made, check_fields
from baton.graph.patterns.json_shapes import is_fields, is_list
from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.steps import Call, Do

_NAME = re.compile(r"[A-Za-z]\w{0,63}", re.ASCII)

MODEL = "workflow"
"""What stands for the model in the record of a workflow's turns: nobody was asked."""


@dataclass(frozen=True)
class Workflow:
    """Steps that are done as they are composed; it stands in a team like an agent, under its name.

    Attributes:
        name: Letters, digits, `_` and `-`.
        body: What is done.
        tools: Those that its `Call` steps call.
        policy: As an agent's: None denies every tool but the built-in ones, such as handing work on and waiting.
        contracts: The kinds of work that it takes and gives, beside work in words alone.
        description: What it is good for, told to agents that may hand work to it.
        summary: Its words at the end; None tells what its body came to.
        answer: What it answers where work was handed to it under a contract; None is what its body has returned.
        shadow: A policy that is asked beside the other one, of which nothing follows.
    """

    name: str
    body: Pattern
    tools: Sequence["ToolSpec | Tool[..., Any] | Callable[..., Any]"] = ()
    policy: str | Path | None = None
    contracts: Sequence[Contract] = ()
    description: str = ""
    summary: Made = None
    answer: Made = None
    shadow: str | Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            InvalidValue: for a name that is given twice, a field that nobody will know, a tool or a contract that it
                has not, or a part that cannot be.
        """
        names: dict[str, Pattern] = {}
        for part in self.body.walk():
            part.check()
            if part.name and not _NAME.fullmatch(part.name):
                allowed = "a letter, then letters, digits or _, 64 at most"
                raise InvalidValue(f"name of a step of {self.name}", part.name, allowed)
            if part.label in names or part.label in KNOWN:
                allowed = "names that are given once, and none of " + ", ".join(KNOWN)
                raise InvalidValue(f"step of workflow {self.name}", part.label, allowed, "Give one of them a `name`.")
            names[part.label] = part
        self._check_fields(self.body, {*KNOWN, *names})
        check_fields([self.summary, self.answer], {*KNOWN, *names}, f"the end of {self.name}")
        self._check_calls()

    @cached_property
    def agent(self) -> Agent:
        """As it stands in the team."""
        return Agent(
            self.name,
            instructions="A workflow: its steps are worked off, and no model is asked.",
            tools=self.tools,
            model=MODEL,
            policy=self.policy,
            hands_off_to=tuple(sorted({part.to for part in self._steps(Do)})),
            contracts=self.contracts,
            open_questions=_MOST_QUESTIONS,
            brief_after=None,
            shadow=self.shadow,
            description=self.description,
            composition=self,
        )

    @cached_property
    def steps(self) -> dict[str, Pattern]:
        """All its parts by their names, from the outside in and in order."""
        return {part.label: part for part in self.body.walk()}

    @cached_property
    def lingers(self) -> bool:
        """Whether anything in it goes on behind a join that is through."""
        return any(getattr(part, "others", "") == "go on" for part in self.body.walk())

    @property
    def outline(self) -> str:
        """All of it as JSON, functions by their name and code: another one is another workflow."""
        return self._outline

    @cached_property
    def _outline(self) -> str:
        return dump({"body": _told(self.body), "summary": _told(self.summary), "answer": _told(self.answer)})

    @property
    def begun(self) -> dict[str, str]:
        """What each of its steps does and with whom, by name: of a step that was begun it must stay so."""
        return {name: step.what for name, step in self.steps.items()}

    def _steps(self, kind: type[Any]) -> Iterator[Any]:
        return (part for part in self.body.walk() if isinstance(part, kind))

    def _check_fields(self, part: Pattern, names: set[str]) -> None:
        own = {*names, *part.own_names}
        check_fields(part.says, own, f"step {part.label} of {self.name}")
        for test in part.tests:
            if isinstance(test, Condition):
                Condition.parse(test.text, sorted(own))
        for other in part.after_steps:
            if other not in names:
                raise InvalidValue(f"step that {part.label} goes by", other, f"one of: {', '.join(sorted(names))}")
        for inner in part.inner:
            self._check_fields(inner, own)

    def _check_calls(self) -> None:
        tools = {spec.name for spec in Agent("x", tools=self.tools).specs.values()}
        contracts = [contract.name for contract in self.contracts]
        for part in self._steps(Call):
            if part.tool not in tools:
                allowed = f"one of its tools: {', '.join(sorted(tools))}"
                raise InvalidValue(f"tool of step {part.name} of {self.name}", part.tool, allowed)
        for part in self._steps(Do):
            if part.contract is not None and part.contract not in contracts:
                allowed = f"one of its contracts: {', '.join(contracts) or 'it has none'}"
                raise InvalidValue(f"contract of step {part.name} of {self.name}", part.contract, allowed)


_MOST_QUESTIONS = 1000
"""Questions of one run that may wait for people: its steps are as many as they were written down."""


def team(*members: Agent | Workflow) -> list[Agent]:
    """Agents and workflows as they stand in a team."""
    return [member.agent if isinstance(member, Workflow) else member for member in members]


def _told(value: Any) -> Any:
    """A part of a workflow as JSON can hold it."""
    if isinstance(value, Pattern) or (hasattr(value, "__dataclass_fields__") and not isinstance(value, Condition)):
        told = {one.name: _told(getattr(value, one.name)) for one in fields(value)}
        return {"kind": type(value).__name__, **{name: one for name, one in told.items() if one not in (None, "", [])}}
    if isinstance(value, Condition):
        return value.text
    if callable(value):
        return _code_of(value)
    if is_fields(value):
        return {str(name): _told(one) for name, one in value.items()}
    if isinstance(value, tuple) or is_list(value):
        return [_told(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    try:
        return json.loads(dump(value))
    except (TypeError, ValueError):
        return repr(value)


def _code_of(function: Callable[..., Any]) -> str:
    """A function by its name and a digest of its code."""
    code = getattr(function, "__code__", None)
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
    if code is None:
        return name
    constants = [repr(one) for one in code.co_consts if not hasattr(one, "co_code")]
    return f"{name} {digest([code.co_code.hex(), code.co_names, constants])[:12]}"
