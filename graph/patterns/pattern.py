"""What all patterns have in common: a name, what becomes of a failure, and how they are walked through."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from baton.core import InvalidValue
from baton.graph.patterns.data import Made, Test
from baton.graph.patterns.results import Result
from baton.graph.patterns.walking import At, Undecided

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A part of a workflow.

    Attributes:
        name: What it is called, unlike any other of the workflow; empty is after its kind and its first step.
        on_failure: What becomes of a failure: `fail` hands it to what this is within, `go on` lets that go on, and
            another pattern is done instead.
    """

    name: str = ""
    on_failure: "Pattern | Literal['fail', 'go on']" = "fail"

    @property
    def kind(self) -> str:
        """What it is, as a project file says it."""
        return _CAPITAL.sub("_", type(self).__name__).lower()

    @cached_property
    def label(self) -> str:
        """What it is called."""
        return self.name or f"{self.kind}_{self.parts[0].label}"

    @property
    def what(self) -> str:
        """What it does and with whom; a step that was begun must keep it."""
        return self.kind

    @property
    def parts(self) -> "tuple[Pattern, ...]":
        """What is within it, what is done on a failure left out."""
        return ()

    @property
    def inner(self) -> "tuple[Pattern, ...]":
        """What is within it, with what is done on a failure."""
        return (*self.parts, self.on_failure) if isinstance(self.on_failure, Pattern) else self.parts

    @property
    def says(self) -> Made:
        """The texts and values that it makes of what is known."""
        return ()

    @property
    def own_names(self) -> tuple[str, ...]:
        """What may be spoken of within it, beside what is known everywhere."""
        return ()

    @property
    def tests(self) -> tuple[Test, ...]:
        """The conditions that it goes by."""
        return ()

    @property
    def after_steps(self) -> tuple[str, ...]:
        """Names of other steps that it goes by."""
        return ()

    def walk(self) -> "Iterator[Pattern]":
        """It and all that is within it, from the outside in and in order."""
        yield self
        for part in self.inner:
            yield from part.walk()

    def run(self, at: At) -> Result | None:
        """What it has come to; None while it is open. What it finds to begin is left with the walk."""
        result = self._result(at)
        if result is None or result.ok or self.on_failure == "fail":
            return result
        if isinstance(self.on_failure, Pattern):
            return self.on_failure.run(at)
        return Result("skipped", result.value, result.said)

    def go(self, at: At) -> Result | None:
        """What it comes to in this walk; None while it is open.

        Raises:
            Undecided: if what decides cannot be told.
        """
        raise NotImplementedError

    def drop(self, at: At, why: str) -> None:
        """Let go of what is open of it."""
        at.walk.drop(self._labels, at.scope, why)

    def places(self, at: At) -> "Iterator[At]":
        """Where its parts are walked through: here, or in each round that has begun."""
        yield at

    def linger(self, at: At) -> None:
        """Let what goes on behind a join that is through go on."""
        for place in self.places(at):
            for part in self.inner:
                part.linger(place)

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            InvalidValue: says what and what is allowed.
        """
        return None

    def _result(self, at: At) -> Result | None:
        row = at.found(self.label)
        if row is not None and row.state is not None:
            result: Result | None = Result(row.state, row.value, row.said)
        else:
            result = self._gone(at)
        if result is not None:
            at.tell(self.label, result)
        return result

    def _gone(self, at: At) -> Result | None:
        try:
            result = self.go(at)
        except Undecided as error:
            result = Result("failed", said=str(error))
        if result is None:
            return None
        self.ended(at, result)
        row = at.found(self.label)
        if row is not None and row.state is not None:
            return result  # a step that came to something at once
        return at.settle(self.label, self.what, result)

    def ended(self, at: At, result: Result) -> None:
        """Let go of its parts that are open now that it has come to something; not of what goes on behind a join."""
        for place in self.places(at) if result.ok else (at,):
            for part in self.parts:
                row = place.found(part.label)
                if not result.ok or row is None or row.state is None:
                    part.drop(place, f"{self.label} has ended")

    @cached_property
    def _labels(self) -> frozenset[str]:
        return frozenset(one.label for one in self.walk())


def check_count(what: str, count: Any, least: int = 1) -> None:
    """Refuse a number that cannot be.

    Raises:
        InvalidValue: if it is not whole, or below the least.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < least:
        raise InvalidValue(what, count, f"a whole number from {least} on")
