"""Workflows as a project file says them: each step is a mapping whose first word says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from baton.core import Condition, InvalidFile, InvalidValue
from baton.core.yaml_file import Place, line_of, refused
from baton.graph.patterns.beside import Discriminator, FirstOf, Milestone, On, Parallel, Race
from baton.graph.patterns.entry_models import (
    KINDS,
    ActEntry,
    CallEntry,
    ChoiceEntry,
    ComputeEntry,
    DoEntry,
    EventEntry,
    FailEntry,
    FirstOfEntry,
    LoopEntry,
    MapEntry,
    MilestoneEntry,
    OnEntry,
    ParallelEntry,
    ReviewedEntry,
    SagaEntry,
    SkipEntry,
    StopEntry,
    WaitEntry,
    WayEntry,
)
from baton.graph.patterns.flows import Choice, Loop, MultiChoice, Sequence, When
from baton.graph.patterns.json_shapes import is_fields, is_list
from baton.graph.patterns.maps import Map
from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.sagas import Ladder, Reviewed, Saga, Undoable
from baton.graph.patterns.steps import Call, Compute, Do, Fail, Skip, Stop, Until, Wait


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
        kinds = [word for word in fields if word in KINDS]
        if not kinds:
            raise self._wrong(place, said, f"a step, which is one of: {', '.join(KINDS)}")
        kind = kinds[0]
        entry = self._read(KINDS[kind], said, place)
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
            way = self._read(WayEntry, one, here)
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

    def do(self, entry: DoEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """Work for an agent or a person."""
        more = {field: getattr(entry, field) for field in ("contract", "payload", "within", "tokens")}
        return Do(**common, to=entry.do, task=entry.task, **more)

    def call(self, entry: CallEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """A call of a tool."""
        return Call(**common, tool=entry.call, arguments=entry.arguments)

    def wait(self, entry: WaitEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """A wait for a time."""
        return Wait(**common, duration=entry.wait, until=entry.until)

    def event(self, entry: EventEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """A wait for an event."""
        return Until(**common, event=entry.event, key=entry.key, within=entry.within)

    def compute(self, entry: ComputeEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """A value."""
        return Compute(**common, function=entry.compute)

    def skip(self, entry: SkipEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """Nothing to do."""
        return Skip(**common)

    def fail(self, entry: FailEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """A failure."""
        return Fail(**common, why=entry.fail)

    def stop(self, entry: StopEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """The end of all."""
        return Stop(**common, outcome=entry.outcome, said=entry.stop)

    def parallel(self, entry: ParallelEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """Side by side."""
        parts = self._list(entry.parallel, (*place, "parallel"))
        return Parallel(*parts, join=entry.join, others=entry.others, **common)

    def choice(self, entry: ChoiceEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """One way, or some."""
        kind: Any = MultiChoice if entry.multi_choice else Choice
        ways = self._ways("multi_choice" if entry.multi_choice else "choice", entry.multi_choice or entry.choice, place)
        rest = None if entry.otherwise is None else self._step(entry.otherwise, (*place, "otherwise"))
        pattern: Pattern = kind(*ways, otherwise=rest, **common)
        return pattern

    def loop(self, entry: LoopEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """Again."""
        before = None if entry.while_ is None else self._test(entry.while_, (*place, "while"))
        after = None if entry.until is None else self._test(entry.until, (*place, "until"))
        body = self._step(entry.loop, (*place, "loop"))
        return Loop(body=body, while_=before, until=after, most=entry.most, **common)

    def map(self, entry: MapEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """For each."""
        step = self._step(entry.step, (*place, "step"))
        more = {field: getattr(entry, field) for field in ("at_once", "join", "failures")}
        return Map(over=entry.map, step=step, **more, **common)

    def first_of(self, entry: FirstOfEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """What happens first."""
        ways: list[On] = []
        for number, one in enumerate(entry.first_of):
            here = (*place, "first_of", number)
            way = self._read(OnEntry, one, here)
            then = None if way.then is None else self._step(way.then, (*here, "then"))
            ways.append(On(self._step(way.of, (*here, "of")), then))
        return FirstOf(*ways, **common)

    def milestone(self, entry: MilestoneEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """Between two steps."""
        body = self._step(entry.milestone, (*place, "milestone"))
        return Milestone(body=body, after=entry.after, before=entry.before, **common)

    def saga(self, entry: SagaEntry, place: Place, common: dict[str, Any]) -> Pattern:
        """With what undoes it."""
        acts: list[Undoable] = []
        for number, one in enumerate(entry.saga):
            here = (*place, "saga", number)
            act = self._read(ActEntry, one, here)
            undo = None if act.undo is None else self._step(act.undo, (*here, "undo"))
            acts.append(Undoable(self._step(act.step, (*here, "step")), undo))
        return Saga(*acts, **common)

    def reviewed(self, entry: ReviewedEntry, place: Place, common: dict[str, Any]) -> Pattern:
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
