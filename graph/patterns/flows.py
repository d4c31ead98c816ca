"""One after the other, one of several, some of several, and again: sequence, choices and loop."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from baton.core import InvalidValue
from baton.graph.patterns.data import Test
from baton.graph.patterns.pattern import Pattern, check_count
from baton.graph.patterns.results import Result
from baton.graph.patterns.walking import At


@dataclass(frozen=True, init=False)
class Sequence(Pattern):
    """One part after the other; the first that comes to nothing ends it. Its answer is that of its last part."""

    steps: tuple[Pattern, ...]

    def __init__(self, *steps: Pattern, name: str = "", on_failure: Any = "fail") -> None:
        """Take the parts in order."""
        given: dict[str, Any] = {"steps": steps, "name": name, "on_failure": on_failure}
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return self.steps

    def go(self, at: At) -> Result | None:
        last = Result("skipped")
        for step in self.steps:
            result = step.run(at)
            if result is None or not result.ok:
                return result
            last = result if result.state == "returned" else last
        return last

    def check(self) -> None:
        _some(self, self.steps)


@dataclass(frozen=True)
class When:
    """A way that may be taken.

    Attributes:
        test: What has to hold for it.
        then: What is done.
    """

    test: Test
    then: Pattern


@dataclass(frozen=True, init=False)
class _Ways(Pattern):
    """Ways that are each taken only where its condition holds."""

    ways: tuple[When, ...]
    otherwise: Pattern | None

    def __init__(self, *ways: When, otherwise: Pattern | None = None, name: str = "", on_failure: Any = "fail") -> None:
        """Take the ways in the order in which they are tried."""
        given: dict[str, Any] = {"ways": ways, "otherwise": otherwise, "name": name, "on_failure": on_failure}
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return _ways(self.ways, self.otherwise)

    @property
    def tests(self) -> tuple[Test, ...]:
        return tuple(way.test for way in self.ways)

    def check(self) -> None:
        _some(self, self.ways)


class Choice(_Ways):
    """The first way whose condition holds, and no other. Where none does, `otherwise`; without that it has failed."""

    def go(self, at: At) -> Result | None:
        ways = {way.then.label: way.then for way in self.ways}
        for name, way in zip(ways, self.ways, strict=True):
            if at.holds(self.label, f"way {name}", way.test):
                return ways[name].run(at)
        return self.otherwise.run(at) if self.otherwise is not None else Result("failed", said="no way fits")


class MultiChoice(_Ways):
    """Every way whose condition holds, side by side; goes on once all of those have come to something.

    Where none holds, `otherwise`; without that nothing is done. Its answer says of each way that was taken what it
    came to.
    """

    def go(self, at: At) -> Result | None:
        taken = [way.then for way in self.ways if at.holds(self.label, f"way {way.then.label}", way.test)]
        if not taken:
            return self.otherwise.run(at) if self.otherwise is not None else Result("skipped")
        results = {way.label: way.run(at) for way in taken}
        for name, result in results.items():
            if result is not None and not result.ok:
                return Result(result.state, said=result.told(name))
        values = {name: result.value for name, result in results.items() if result is not None}
        return Result("returned", values) if len(values) == len(results) else None


@dataclass(frozen=True)
class Loop(Pattern):
    """The same again. `round` is the number of the round within it, from 1.

    Attributes:
        body: What is done in each round.
        while_: Looked at before each round, the first one too; None is always.
        until: Looked at after each round; None is never.
        most: Rounds at most; where the condition would have one more, it has failed.
    """

    body: Pattern
    while_: Test | None = None
    until: Test | None = None
    most: int = field(kw_only=True)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return (self.body,)

    @property
    def own_names(self) -> tuple[str, ...]:
        return ("round",)

    @property
    def tests(self) -> tuple[Test, ...]:
        return tuple(test for test in (self.while_, self.until) if test is not None)

    def go(self, at: At) -> Result | None:
        last = Result("skipped")
        for number in range(1, self.most + 1):
            inside = at.within(f"#{number}", round=number)
            if self.while_ is not None and not inside.holds(self.label, "goes on", self.while_):
                return last
            result = self.body.run(inside)
            if result is None or not result.ok:
                return result
            last = result
            if self.until is not None and inside.holds(self.label, "is over", self.until):
                return last
        if self.until is None and self.while_ is None:
            return last
        if self.while_ is not None and not at.within(f"#{self.most + 1}").holds(self.label, "goes on", self.while_):
            return last
        return Result("failed", last.value, f"it is not over after {self.most} rounds")

    def places(self, at: At) -> Iterator[At]:
        return (at.within(f"#{number}", round=number) for number in range(1, self.most + 1))

    def check(self) -> None:
        check_count(f"most of {self.label}", self.most)


def _ways(ways: tuple[When, ...], otherwise: Pattern | None) -> tuple[Pattern, ...]:
    return (*(way.then for way in ways), *((otherwise,) if otherwise is not None else ()))


def _some(pattern: Pattern, parts: tuple[object, ...]) -> None:
    if not parts:
        raise InvalidValue(f"{pattern.kind} {pattern.name}".rstrip(), "nothing", "at least one part")
