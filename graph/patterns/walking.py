"""One walk through a workflow: what is known of its steps, and what the walk finds to begin, to settle and to drop."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

from baton.core import ConditionFailed
from baton.graph.patterns.data import Data, Lacking, Test, holds
from baton.graph.patterns.json_shapes import is_fields
from baton.graph.patterns.results import Result
from baton.ledger.joins import Join, Missed
from baton.ledger.workflow_steps import StepRow

_SCOPE = re.compile(r"[#\[]")


@dataclass(frozen=True, kw_only=True)
class Start:
    """A step that is to begin with a call.

    Attributes:
        key: The step's.
        what: What it does, and with whom.
    """

    key: str
    what: str
    tool: str
    arguments: dict[str, Any]


@dataclass(kw_only=True)
class Walk:
    """What one walk knows and finds.

    Attributes:
        known: The steps begun so far by their keys, with what they have come to by now.
        now: Seconds since 1970.
        starts: Calls to make.
        settled: Steps that came to something in this walk, by their keys.
        dropped: Open steps that no longer matter, by their keys, with why.
        told: What people are to be asked before it goes on, by the key of the step that says so.
        stop: Set where all of it is to end.
        joins: How far pieces have come that are joined, by the key of the step that joins them.
        opened: Joins that begin in this walk.
        missed: Pieces that could not be handed on, found in this walk, by the same key.
        wakes: Of joins that have told, and of which nothing more is handed on: when they are to tell next.
        answers: What the pieces of joins that are over came to, where it has been read.
        wanted: Joins that are over and of which that is wanted.
        names: Of all steps, for conditions that speak of those that have not come to anything.
        closed: Joins of which what is open is to be let go of, with why.
    """

    known: dict[str, StepRow]
    now: float
    starts: list[Start] = field(default_factory=list[Start])
    settled: dict[str, StepRow] = field(default_factory=dict[str, StepRow])
    dropped: dict[str, str] = field(default_factory=dict[str, str])
    told: dict[str, str] = field(default_factory=dict[str, str])
    stop: Result | None = None
    joins: dict[str, Join] = field(default_factory=dict[str, Join])
    opened: dict[str, Join] = field(default_factory=dict[str, Join])
    missed: dict[str, list[Missed]] = field(default_factory=dict[str, list[Missed]])
    wakes: dict[str, int] = field(default_factory=dict[str, int])
    answers: dict[str, list[tuple[int, Result]]] = field(default_factory=dict[str, list[tuple[int, Result]]])
    wanted: set[str] = field(default_factory=set[str])
    closed: dict[str, str] = field(default_factory=dict[str, str])
    names: Collection[str] = ()

    def __post_init__(self) -> None:
        self._places: dict[str, list[StepRow]] = {}
        for row in self.known.values():
            if row.state is not None and "?" not in row.key:
                self._places.setdefault(_place(row.key), []).append(row)

    def seen(self, place: str) -> dict[str, Any]:
        """What is known of the steps of a place in lists, the empty one being the workflow itself."""
        return {
            name_of(row.key): told(Result(row.state, row.value, row.said))
            for row in self._places.get(place, ())
            if row.state is not None
        }

    def settle(self, key: str, what: str, result: Result, when: float | None = None) -> Result:
        """Note what a step came to, and when; None is now."""
        before = self.known.get(key) or StepRow(key=key, what=what)
        row = replace(before, state=result.state, value=result.value, said=result.said, ended_at=when)
        self.known[key] = self.settled[key] = row
        return result

    def drop(self, names: Collection[str], scope: str, why: str) -> None:
        """Let go of what is open of some steps, within a scope."""
        if not self.starts and all(row.state is not None for row in self.known.values()):
            return
        for start in [one for one in self.starts if _within(one.key, names, scope)]:
            self.starts.remove(start)
            del self.known[start.key]
        for key, row in list(self.known.items()):
            if row.state is None and _within(key, names, scope):
                self.dropped[key] = why
                self.settle(key, row.what, Result("withdrawn", said=why))


def name_of(key: str) -> str:
    """The name of the step that a key is of, without the rounds and places it is within."""
    return _SCOPE.split(key, maxsplit=1)[0].partition("?")[0]


def _within(key: str, names: Collection[str], scope: str) -> bool:
    name = name_of(key)
    rest = _scope(key)
    return name in names and rest.startswith(scope) and rest[len(scope) : len(scope) + 1] in ("", "#", "[")


def _scope(key: str) -> str:
    """The rounds and places in lists that a key is within."""
    found = _SCOPE.search(key)
    return key[found.start() :] if found is not None else ""


def _place(key: str) -> str:
    """The place in lists that a key is within, such as `[3]`; empty for none."""
    return key[len(name_of(key)) : key.rfind("]") + 1] if key.endswith("]") or "]" in key else ""


@dataclass(frozen=True)
class At:
    """A place in a walk.

    Attributes:
        walk: The walk.
        data: What is known so far, by name; steps add to it.
        scope: The rounds and places in lists that this is within, such as `#2` or `[3]`.
        own: What is known within that scope alone.
    """

    walk: Walk
    data: dict[str, Any]
    scope: str = ""
    own: Data = field(default_factory=dict[str, Any])

    @property
    def view(self) -> dict[str, Any]:
        """All that may be spoken of here."""
        return {**self.data, **self.own}

    def found(self, name: str) -> StepRow | None:
        """What is known of a step; None where it has not begun."""
        return self.walk.known.get(name + self.scope)

    def begin(self, name: str, what: str, tool: str, arguments: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Have a step begin with a call; where what it says cannot be made, it has failed."""
        try:
            made = arguments(self.view)
        except Exception as error:  # a function that the user wrote, or a field that is not there
            self.settle(name, what, Result("failed", said=_said(error)))
            return
        key = name + self.scope
        self.walk.known[key] = StepRow(key=key, what=what)
        self.walk.starts.append(Start(key=key, what=what, tool=tool, arguments=made))

    def settle(self, name: str, what: str, result: Result) -> Result:
        """Note what a step came to."""
        return self.walk.settle(name + self.scope, what, result)

    def open_join(self, name: str, what: str, join: Join) -> None:
        """Have a step begin that joins pieces."""
        key = name + self.scope
        row = StepRow(key=key, what=what)
        self.walk.known[key] = self.walk.settled[key] = row
        self.walk.joins[key] = self.walk.opened[key] = join

    def parts_of(self, name: str, about: str) -> list[StepRow]:
        """What is known of what a step does in parts of its own."""
        begins = f"{name}?{about}"
        return [
            row
            for key, row in self.walk.known.items()
            if key.startswith(begins) and key.endswith(self.scope) and _scope(key) == self.scope
        ]

    def begun(self, name: str) -> bool:
        """Whether a step has begun, in the record or in this walk."""
        return name + self.scope in self.walk.known

    def ended(self, name: str) -> float:
        """When a step came to something; what has just done so comes last."""
        row = self.found(name)
        return float("inf") if row is None or row.ended_at is None else row.ended_at

    def decided(self, name: str, about: str) -> Any:
        """What was decided once; None where nothing was."""
        row = self.walk.known.get(f"{name}?{about}{self.scope}")
        return None if row is None else row.value

    def decide(self, name: str, about: str, how: Callable[[dict[str, Any]], Any]) -> Any:
        """What is decided once, and stays so.

        Raises:
            Undecided: if it cannot be.
        """
        key = f"{name}?{about}{self.scope}"
        if (row := self.walk.known.get(key)) is not None:
            return row.value
        try:
            value = how(self.view)
        except Exception as error:
            raise Undecided(f"{about} of {name} cannot be told: {_said(error)}") from error
        self.walk.settle(key, about, Result("returned", value))
        return value

    def holds(self, name: str, about: str, test: Test) -> bool:
        """Whether a condition holds; decided once."""
        return bool(self.decide(name, about, lambda data: holds(test, data, self.walk.names)))

    def within(self, suffix: str, **own: Any) -> "At":
        """A round, or a place in a list, within this place; its steps are seen here too."""
        return At(self.walk, self.data, self.scope + suffix, {**self.own, **own})

    def apart(self, suffix: str, **own: Any) -> "At":
        """The same, whose steps are seen within alone."""
        scope = self.scope + suffix
        return At(self.walk, {**self.data, **self.walk.seen(scope)}, scope, {**self.own, **own})

    def heard(self, name: str, said: str) -> bool:
        """Whether people have answered what they are told here, once; it is told where it has not been."""
        key = f"{name}?told{self.scope}"
        row = self.walk.known.get(key)
        if row is None:
            self.walk.told[key] = said
        return row is not None and row.state is not None

    def tell(self, name: str, result: Result) -> None:
        """Make known what a step came to, for those that speak of it."""
        self.data[name] = told(result)


class Undecided(Exception):
    """A condition, or a list to go through, cannot be told."""


def told(result: Result) -> dict[str, Any]:
    """What is known of a step that came to something: the fields of its answer, `answer`, `outcome` and `said`."""
    return {
        **(result.value if is_fields(result.value) else {}),
        "answer": result.value,
        "outcome": result.state,
        "said": result.said,
    }


def _said(error: Exception) -> str:
    if isinstance(error, Lacking | ConditionFailed):
        return str(error)
    missing = f"{error} is not known yet" if isinstance(error, KeyError) else str(error)
    return f"{type(error).__name__}: {missing}"
