"""Workflows as a project file says them: each step is a mapping whose first word says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from baton.core import Condition, InvalidFile, InvalidValue
from baton.core.yaml_file import Place, line_of, refused
from baton.graph.patterns.beside import Discriminator, FirstOf, Milestone, On, Parallel, Race
from baton.graph.patterns.flows import Choice, Loop, MultiChoice, Sequence, When
from baton.graph.patterns.json_shapes import is_fields, is_list
from baton.graph.patterns.maps import Map
from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.sagas import Ladder, Reviewed, Saga, Undoable
from baton.graph.patterns.steps import Call, Compute, Do, Fail, Skip, Stop, Until, Wait


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


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: str = ""
    on_failure: Any = "fail"


class _Leaf(_Entry):
    name: str = Field(min_length=1)


class _Do(_Leaf):
    do: str
    task: str
    contract: str | None = None
    payload: Any = None
    within: str | None = None
    tokens: int | None = None


class _Call(_Leaf):
    call: str
    arguments: Any = {}


class _Wait(_Leaf):
    wait: str | None
    until: str | None = None


class _Event(_Leaf):
    event: str
    key: str = ""
    within: str | None = None


class _Compute(_Leaf):
    compute: Any


class _Skip(_Leaf):
    skip: None = None


class _Fail(_Leaf):
    fail: str


class _Stop(_Leaf):
    stop: str
    outcome: Literal["done", "refused", "failed"] = "done"


class _Parts(_Entry):
    sequence: list[Any] = []
    race: list[Any] = []
    discriminator: list[Any] = []
    ladder: list[Any] = []


class _Parallel(_Entry):
    parallel: list[Any]
    join: Literal["all", "any"] | int = "all"
    others: Literal["cancel", "go on"] = "cancel"


class _Choice(_Entry):
    choice: list[Any] = []
    multi_choice: list[Any] = []
    otherwise: Any = None


class _Way(BaseModel):
    model_config = ConfigDict(extra="forbid")

    when: str
    then: Any


class _Loop(_Entry):
    loop: Any
    while_: str | None = Field(None, alias="while")
    until: str | None = None
    most: int


class _Map(_Entry):
    map: Any
    step: Any
    at_once: int = 10
    join: Literal["all", "any"] | int = "all"
    failures: Literal["fail", "go on"] = "fail"


class _FirstOf(_Entry):
    first_of: list[Any]


class _On(BaseModel):
    model_config = ConfigDict(extra="forbid")

    of: Any
    then: Any = None


class _Milestone(_Entry):
    milestone: Any
    after: str
    before: str | None = None


class _Saga(_Entry):
    saga: list[Any]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid")

    step: Any
    undo: Any = None


class _Reviewed(_Entry):
    reviewed: Any
    review: Any
    most: int = 3


_KINDS: Mapping[str, type[_Entry]] = {
    "do": _Do,
    "call": _Call,
    "wait": _Wait,
    "event": _Event,
    "compute": _Compute,
    "skip": _Skip,
    "fail": _Fail,
    "stop": _Stop,
    "sequence": _Parts,
    "parallel": _Parallel,
    "choice": _Choice,
    "multi_choice": _Choice,
    "loop": _Loop,
    "map": _Map,
    "first_of": _FirstOf,
    "race": _Parts,
    "discriminator": _Parts,
    "milestone": _Milestone,
    "saga": _Saga,
    "ladder": _Parts,
    "reviewed": _Reviewed,
}
"""What a step may be, by the word that says so."""


@dataclass(frozen=True)
class Steps:
    """Reads the steps of one file.

    Attributes:
        file: The file.
        tree: What it holds, in which lines are found.
    """

    file: Path
    tree: yaml.Node | None

    def body(self, said: list[Any], place: Place) -> Pattern:
        """The body of a workflow.

        Raises:
            InvalidFile: names line, field, value and what is allowed.
        """
        parts = self._list(said, place)
        return parts[0] if len(parts) == 1 else Sequence(*parts, name="all_steps")

    def _list(self, said: list[Any], place: Place) -> list[Pattern]:
        return [self._step(one, (*place, number)) for number, one in enumerate(said)]

    def _step(self, said: Any, place: Place) -> Pattern:
        """A step, or a list of them, one after the other."""
        if is_list(said) and said:
            parts = self._list(said, place)
            return parts[0] if len(parts) == 1 else Sequence(*parts)
        fields: dict[str, Any] = said if is_fields(said) else {}
        kinds = [word for word in fields if word in _KINDS]
        if not kinds:
            raise self._wrong(place, said, f"a step, which is one of: {', '.join(_KINDS)}")
        kind = kinds[0]
        entry = self._read(_KINDS[kind], said, place)
        made = _MADE[kind] if kind in _MADE else None
        failing = self._failing(entry.on_failure, (*place, "on_failure"))
        common: dict[str, Any] = {"name": entry.name, "on_failure": failing}
        return made(self, entry, place, common) if made is not None else self._parts(kind, fields[kind], place, common)

    def _failing(self, said: Any, place: Place) -> Any:
        return said if said in ("fail", "go on") else self._step(said, place)

    def _parts(self, kind: str, said: list[Any], place: Place, common: dict[str, Any]) -> Pattern:
        kinds = {"sequence": Sequence, "race": Race, "discriminator": Discriminator, "ladder": Ladder}
        return kinds[kind](*self._list(said, (*place, kind)), **common)

    def _ways(self, kind: str, said: list[Any], place: Place) -> list[When]:
        ways: list[When] = []
        for number, one in enumerate(said):
            here = (*place, kind, number)
            way = self._read(_Way, one, here)
            ways.append(When(self._test(way.when, (*here, "when")), self._step(way.then, (*here, "then"))))
        return ways

    def _test(self, text: str, place: Place) -> Condition:
        try:
            return Condition.parse(text)
        except InvalidValue as error:
            raise self._wrong(place, error.value, error.allowed) from error

    def _read(self, model: type[Any], said: Any, place: Place) -> Any:
        try:
            return model.model_validate(said)
        except ValidationError as error:
            raise refused(self.file, error, self.tree, model, place) from error

    def _wrong(self, place: Place, value: Any, allowed: str) -> InvalidFile:
        return InvalidFile(str(self.file), line_of(self.tree, place), ".".join(map(str, place)), value, allowed)

    # Each kind that is more than a list of parts

    def do(self, entry: _Do, place: Place, common: dict[str, Any]) -> Pattern:
        """Work for an agent or a person."""
        more = {field: getattr(entry, field) for field in ("contract", "payload", "within", "tokens")}
        return Do(**common, to=entry.do, task=entry.task, **more)

    def call(self, entry: _Call, place: Place, common: dict[str, Any]) -> Pattern:
        """A call of a tool."""
        return Call(**common, tool=entry.call, arguments=entry.arguments)

    def wait(self, entry: _Wait, place: Place, common: dict[str, Any]) -> Pattern:
        """A wait for a time."""
        return Wait(**common, duration=entry.wait, until=entry.until)

    def event(self, entry: _Event, place: Place, common: dict[str, Any]) -> Pattern:
        """A wait for an event."""
        return Until(**common, event=entry.event, key=entry.key, within=entry.within)

    def compute(self, entry: _Compute, place: Place, common: dict[str, Any]) -> Pattern:
        """A value."""
        return Compute(**common, function=entry.compute)

    def skip(self, entry: _Skip, place: Place, common: dict[str, Any]) -> Pattern:
        """Nothing to do."""
        return Skip(**common)

    def fail(self, entry: _Fail, place: Place, common: dict[str, Any]) -> Pattern:
        """A failure."""
        return Fail(**common, why=entry.fail)

    def stop(self, entry: _Stop, place: Place, common: dict[str, Any]) -> Pattern:
        """The end of all."""
        return Stop(**common, outcome=entry.outcome, said=entry.stop)

    def parallel(self, entry: _Parallel, place: Place, common: dict[str, Any]) -> Pattern:
        """Side by side."""
        parts = self._list(entry.parallel, (*place, "parallel"))
        return Parallel(*parts, join=entry.join, others=entry.others, **common)

    def choice(self, entry: _Choice, place: Place, common: dict[str, Any]) -> Pattern:
        """One way, or some."""
        kind: Any = MultiChoice if entry.multi_choice else Choice
        ways = self._ways("multi_choice" if entry.multi_choice else "choice", entry.multi_choice or entry.choice, place)
        rest = None if entry.otherwise is None else self._step(entry.otherwise, (*place, "otherwise"))
        pattern: Pattern = kind(*ways, otherwise=rest, **common)
        return pattern

    def loop(self, entry: _Loop, place: Place, common: dict[str, Any]) -> Pattern:
        """Again."""
        before = None if entry.while_ is None else self._test(entry.while_, (*place, "while"))
        after = None if entry.until is None else self._test(entry.until, (*place, "until"))
        body = self._step(entry.loop, (*place, "loop"))
        return Loop(body=body, while_=before, until=after, most=entry.most, **common)

    def map(self, entry: _Map, place: Place, common: dict[str, Any]) -> Pattern:
        """For each."""
        step = self._step(entry.step, (*place, "step"))
        more = {field: getattr(entry, field) for field in ("at_once", "join", "failures")}
        return Map(over=entry.map, step=step, **more, **common)

    def first_of(self, entry: _FirstOf, place: Place, common: dict[str, Any]) -> Pattern:
        """What happens first."""
        ways: list[On] = []
        for number, one in enumerate(entry.first_of):
            here = (*place, "first_of", number)
            way = self._read(_On, one, here)
            then = None if way.then is None else self._step(way.then, (*here, "then"))
            ways.append(On(self._step(way.of, (*here, "of")), then))
        return FirstOf(*ways, **common)

    def milestone(self, entry: _Milestone, place: Place, common: dict[str, Any]) -> Pattern:
        """Between two steps."""
        body = self._step(entry.milestone, (*place, "milestone"))
        return Milestone(body=body, after=entry.after, before=entry.before, **common)

    def saga(self, entry: _Saga, place: Place, common: dict[str, Any]) -> Pattern:
        """With what undoes it."""
        acts: list[Undoable] = []
        for number, one in enumerate(entry.saga):
            here = (*place, "saga", number)
            act = self._read(_Act, one, here)
            undo = None if act.undo is None else self._step(act.undo, (*here, "undo"))
            acts.append(Undoable(self._step(act.step, (*here, "step")), undo))
        return Saga(*acts, **common)

    def reviewed(self, entry: _Reviewed, place: Place, common: dict[str, Any]) -> Pattern:
        """Done by one, looked over by another."""
        work, review = self._step(entry.reviewed, (*place, "reviewed")), self._step(entry.review, (*place, "review"))
        return Reviewed(work=work, review=review, most=entry.most, **common)


_Making = Callable[[Steps, Any, Place, dict[str, Any]], Pattern]

_MADE: Mapping[str, _Making] = {
    "do": Steps.do,
    "call": Steps.call,
    "wait": Steps.wait,
    "event": Steps.event,
    "compute": Steps.compute,
    "skip": Steps.skip,
    "fail": Steps.fail,
    "stop": Steps.stop,
    "parallel": Steps.parallel,
    "choice": Steps.choice,
    "multi_choice": Steps.choice,
    "loop": Steps.loop,
    "map": Steps.map,
    "first_of": Steps.first_of,
    "milestone": Steps.milestone,
    "saga": Steps.saga,
    "reviewed": Steps.reviewed,
}
