"""Side by side: parts that hold none of the others up, and what is needed of them for what follows."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from baton.core import InvalidValue
from baton.graph.patterns.pattern import Pattern, check_count
from baton.graph.patterns.results import Result
from baton.graph.patterns.walking import At

Join = Literal["all", "any"] | int
"""How many have to return: all of them, any one, or so many."""


@dataclass(frozen=True, init=False)
class Parallel(Pattern):
    """Parts side by side. What follows begins once as many have returned as are needed.

    Where fewer can return than are needed, it has failed, and what is open of it is withdrawn. Its answer says of each
    part that has returned what it answered.

    Attributes:
        branches: The parts.
        join: How many have to return.
        others: What becomes of the rest once enough have returned: `cancel` withdraws them, `go on` lets them be; the
            workflow ends only when they have ended too.
    """

    branches: tuple[Pattern, ...]
    join: Join
    others: Literal["cancel", "go on"]

    def __init__(
        self,
        *branches: Pattern,
        join: Join = "all",
        others: Literal["cancel", "go on"] = "cancel",
        name: str = "",
        on_failure: Any = "fail",
    ) -> None:
        """Take the parts."""
        given = {"branches": branches, "join": join, "others": others, "name": name, "on_failure": on_failure}
        for attribute, value in given.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return self.branches

    @property
    def needed(self) -> int:
        """How many have to return."""
        return needed(self.join, len(self.branches))

    def go(self, at: At) -> Result | None:
        return joined({branch.label: branch.run(at) for branch in self.branches}, self.needed)

    def ended(self, at: At, result: Result) -> None:
        if self.others == "cancel" or not result.ok:
            super().ended(at, result)

    def linger(self, at: At) -> None:
        if self.others == "go on":
            let_go(self, at)
        else:
            super().linger(at)

    def check(self) -> None:
        check_join(self, self.join, len(self.branches))


@dataclass(frozen=True, init=False)
class _First(Pattern):
    """Parts side by side of which the first answer counts."""

    branches: tuple[Pattern, ...]
    others: ClassVar[Literal["cancel", "go on"]] = "cancel"

    def __init__(self, *branches: Pattern, name: str = "", on_failure: Any = "fail") -> None:
        """Take the parts."""
        for attribute, value in {"branches": branches, "name": name, "on_failure": on_failure}.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return self.branches

    def go(self, at: At) -> Result | None:
        results = {branch.label: branch.run(at) for branch in self.branches}
        good = {name: one for name, one in results.items() if one is not None and one.ok}
        if not good:
            return joined(results, 1)
        name = min(good, key=lambda name: at.ended(name))
        return Result("returned", good[name].value, name)

    def check(self) -> None:
        check_join(self, "any", len(self.branches))


@dataclass(frozen=True, init=False)
class Race(_First):
    """Parts side by side: the first answer counts, and the rest is withdrawn."""


@dataclass(frozen=True, init=False)
class Discriminator(_First):
    """Parts side by side: the first answer lets what follows begin; the rest goes on, and its answers change nothing.

    The workflow ends only when all of them have ended.
    """

    others: ClassVar[Literal["cancel", "go on"]] = "go on"

    def ended(self, at: At, result: Result) -> None:
        if not result.ok:
            super().ended(at, result)

    def linger(self, at: At) -> None:
        let_go(self, at)


@dataclass(frozen=True)
class On:
    """Something that may happen first.

    Attributes:
        trigger: What it is: an event, a time, a piece of work that is answered.
        then: What is done then; None is nothing.
    """

    trigger: Pattern
    then: Pattern | None = None


@dataclass(frozen=True, init=False)
class FirstOf(Pattern):
    """What happens first decides: the rest is withdrawn, and what belongs to the first is done (a deferred choice)."""

    ways: tuple[On, ...]

    def __init__(self, *ways: On, name: str = "", on_failure: Any = "fail") -> None:
        """Take the ways."""
        for attribute, value in {"ways": ways, "name": name, "on_failure": on_failure}.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return tuple(part for way in self.ways for part in (way.trigger, way.then) if part is not None)

    def go(self, at: At) -> Result | None:
        if at.decided(self.label, "first") is None:
            results = {way.trigger.label: way.trigger.run(at) for way in self.ways}
            good = [name for name, one in results.items() if one is not None and one.ok]
            if not good:
                return joined(results, 1)
            at.decide(self.label, "first", lambda _data: min(good, key=at.ended))
        name = at.decided(self.label, "first")
        way = next(one for one in self.ways if one.trigger.label == name)
        for other in self.ways:
            if other is not way:
                other.trigger.drop(at, f"{name} came first")
        return way.then.run(at) if way.then is not None else way.trigger.run(at)

    def check(self) -> None:
        check_join(self, "any", len(self.ways))


@dataclass(frozen=True)
class Milestone(Pattern):
    """Something that may be done only between two others: once `after` has returned, and not once `before` has begun.

    Attributes:
        body: What may be done.
        after: The step that has to have returned; until then it waits.
        before: The step from whose beginning on it is skipped, and withdrawn where it is under way; None is never.
    """

    body: Pattern
    after: str
    before: str | None = None

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return (self.body,)

    @property
    def after_steps(self) -> tuple[str, ...]:
        return (self.after, *((self.before,) if self.before is not None else ()))

    def go(self, at: At) -> Result | None:
        if self.before is not None and at.begun(self.before):
            return Result("skipped", said=f"{self.before} has begun")
        place = at.found(self.after)
        if place is None or place.state is None:
            return None
        return self.body.run(at) if place.state == "returned" else Result("skipped", said=f"no {self.after}")


def let_go(pattern: Pattern, at: At) -> None:
    """Walk through what goes on behind a join that is through."""
    row = at.found(pattern.label)
    if row is not None and row.state == "returned":
        for part in pattern.parts:
            part.run(at)
            part.linger(at)


def needed(join: Join, total: int) -> int:
    """How many have to return of so many."""
    return {"all": total, "any": 1}.get(join, total) if isinstance(join, str) else join


def check_join(pattern: Pattern, join: Join, total: int) -> None:
    """Refuse a join that can never be.

    Raises:
        InvalidValue: says what is allowed.
    """
    if not total:
        raise InvalidValue(f"{pattern.kind} {pattern.name}".rstrip(), "nothing", "at least one part")
    if join not in ("all", "any"):
        check_count(f"join of {pattern.label}", join)
        if needed(join, total) > total:
            raise InvalidValue(f"join of {pattern.label}", join, f"all, any, or a number up to {total}")


def joined(results: dict[str, Result | None], wanted: int) -> Result | None:
    """What several come to of which so many have to return; None while that is open."""
    good = {name: one.value for name, one in results.items() if one is not None and one.ok}
    if len(good) >= wanted:
        return Result("returned", good)
    bad = {name: one for name, one in results.items() if one is not None and not one.ok}
    if len(results) - len(bad) >= wanted:
        return None
    worst = next(iter(bad.values()))
    return Result(worst.state, said="; ".join(one.told(name) for name, one in bad.items()))
