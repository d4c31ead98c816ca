"""What is undone, tried with the next, or looked over: saga, escalation ladder, review pair."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from baton.core import InvalidValue
from baton.graph.patterns.pattern import Pattern, check_count
from baton.graph.patterns.results import Result
from baton.graph.patterns.walking import At


@dataclass(frozen=True)
class Undoable:
    """A part of a saga.

    Attributes:
        do: What is done.
        undo: What undoes it; None where nothing has to be undone.
    """

    do: Pattern
    undo: Pattern | None = None


@dataclass(frozen=True, init=False)
class Saga(Pattern):
    """One part after the other; where one comes to nothing, those before it are undone, the last one first.

    What could not be undone is told to people, who have to answer before it goes on. Then the saga has failed, with
    what was undone and what was not.
    """

    acts: tuple[Undoable, ...]

    def __init__(self, *acts: Undoable | Pattern, name: str = "", on_failure: Any = "fail") -> None:
        """Take the parts in order; what is no `Undoable` has nothing to undo."""
        parts = tuple(act if isinstance(act, Undoable) else Undoable(act) for act in acts)
        for attribute, value in {"acts": parts, "name": name, "on_failure": on_failure}.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return tuple(part for act in self.acts for part in (act.do, act.undo) if part is not None)

    def go(self, at: At) -> Result | None:
        last = Result("skipped")
        for number, act in enumerate(self.acts):
            result = act.do.run(at)
            if result is None:
                return None
            if not result.ok:
                return self._undone(at, number, act.do.label, result)
            last = result if result.state == "returned" else last
        return last

    def _undone(self, at: At, number: int, name: str, why: Result) -> Result | None:
        """Undo the parts before one that came to nothing; those whose doing nobody knows of are told to people."""
        undone: list[str] = []
        left = [why.told(name)] if why.state == "failed" and DOUBT in why.said else []
        for act in reversed(self.acts[:number]):
            row = at.found(act.do.label)
            if act.undo is None or row is None or row.state != "returned":
                continue
            result = act.undo.run(at)
            if result is None:
                return None
            if result.ok:
                undone.append(act.do.label)
            else:
                left.append(f"{act.do.label} (its {result.told(act.undo.label)})")
        said = f"{why.told(name)}; undone: {', '.join(undone) or 'nothing'}"
        if left:
            said += f"; not undone: {', '.join(left)}"
            if not at.heard(self.label, said):
                return None
        return Result(why.state, {"undone": undone, "left": left}, said)

    def check(self) -> None:
        if not self.acts:
            raise InvalidValue(f"saga {self.name}".rstrip(), "nothing", "at least one part")


DOUBT = "nobody knows whether it happened"
"""What is said of a call of which that is so."""


@dataclass(frozen=True, init=False)
class Ladder(Pattern):
    """The same asked of one after the other, until one returns: whoever does not, in its time, is left for the next."""

    rungs: tuple[Pattern, ...]

    def __init__(self, *rungs: Pattern, name: str = "", on_failure: Any = "fail") -> None:
        """Take the rungs, the lowest first."""
        for attribute, value in {"rungs": rungs, "name": name, "on_failure": on_failure}.items():
            object.__setattr__(self, attribute, value)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return self.rungs

    def go(self, at: At) -> Result | None:
        tried: list[str] = []
        result = Result("failed")
        for rung in self.rungs:
            found = rung.run(at)
            if found is None or found.ok:
                return found
            result = found
            tried.append(found.told(rung.label))
        return Result(result.state, said="; ".join(tried))

    def check(self) -> None:
        if len(self.rungs) < 2:
            raise InvalidValue(f"ladder {self.name}".rstrip(), f"{len(self.rungs)} rungs", "two or more")


@dataclass(frozen=True)
class Reviewed(Pattern):
    """One does it, another looks at it: what is refused goes back with the remarks, until it is accepted.

    `round` is the number of the round within it, from 1, and `remarks` what was said last; empty in the first round.

    Attributes:
        work: What is done.
        review: Who looks at it: where that returns, it is accepted; where it is refused, it goes back.
        most: Rounds at most; then it is refused.
    """

    work: Pattern
    review: Pattern
    most: int = 3

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return (self.work, self.review)

    @property
    def own_names(self) -> tuple[str, ...]:
        return ("round", "remarks")

    def go(self, at: At) -> Result | None:
        remarks = ""
        for number in range(1, self.most + 1):
            inside = at.within(f"#{number}", round=number, remarks=remarks)
            work = self.work.run(inside)
            if work is None or not work.ok:
                return work
            found = self.review.run(inside)
            if found is None:
                return None
            if found.ok:
                return Result("returned", work.value, work.said)
            if found.state != "refused":
                return found
            remarks = found.said
        return Result("refused", said=f"not accepted in {self.most} rounds: {remarks}")

    def places(self, at: At) -> Iterator[At]:
        return (at.within(f"#{number}") for number in range(1, self.most + 1))

    def check(self) -> None:
        check_count(f"most of {self.label}", self.most)
