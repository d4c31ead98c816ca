"""The same for each of many: at most so many at once, joined, and made one answer of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from baton.graph.patterns.beside import Join, needed
from baton.graph.patterns.data import Made, made
from baton.graph.patterns.json_shapes import is_list
from baton.graph.patterns.pattern import Pattern, check_count
from baton.graph.patterns.results import Result
from baton.graph.patterns.spreading import spread
from baton.graph.patterns.steps import Do
from baton.graph.patterns.walking import At, Undecided


@dataclass(frozen=True)
class Map(Pattern):
    """The same for each of a list. `item` is the one that it is for within it, and `index` its place, from 0.

    Where the step is a piece of work for one taker, it is handed on in batches and joined in the record, so that ten
    thousand take no more memory than a hundred; any other step is walked through for each.

    Its answer: `answers` in the order of the list, None for those that did not return; `failed` with item, outcome and
    words; `returned`, how many did. With `reduce`, what that makes of it.

    Attributes:
        over: The list, or how it is made.
        step: What is done for each.
        at_once: How many are under way at a time.
        join: How many have to return; the rest is withdrawn then.
        failures: `fail`: it fails as soon as fewer can return than have to. `go on`: it returns once all have ended,
            and its answer names those that failed.
        reduce: What makes one value of the answer; None leaves it as it is.
    """

    over: Made
    step: Pattern
    at_once: int = field(default=10, kw_only=True)
    join: Join = field(default="all", kw_only=True)
    failures: Literal["fail", "go on"] = field(default="fail", kw_only=True)
    reduce: Callable[[Any], Any] | None = field(default=None, kw_only=True)

    @property
    def parts(self) -> tuple[Pattern, ...]:
        return (self.step,)

    @property
    def what(self) -> str:
        return f"map {self.step.what}" if self.joined else "map"

    @property
    def says(self) -> Made:
        return self.over

    @property
    def own_names(self) -> tuple[str, ...]:
        return ("item", "index")

    @cached_property
    def joined(self) -> bool:
        """Whether its pieces are handed on in batches and joined in the record."""
        return isinstance(self.step, Do) and self.step.on_failure == "fail"

    def go(self, at: At) -> Result | None:
        items = self._items(at)
        wanted = needed(self.join, len(items))
        if self.failures == "fail" and wanted > len(items):
            return Result("failed", said=f"{wanted} have to return, and there are {len(items)}")
        if not items:
            return self._reduced([])
        if isinstance(self.step, Do) and self.joined:
            ended = spread(at, self, self.step, items, wanted, strict=self.failures == "fail", at_once=self.at_once)
        else:
            ended = self._walked(at, items, wanted)
        if ended is None:
            return None
        bad = [(index, one) for index, one in enumerate(ended) if one is not None and not one.ok]
        if self.failures == "fail" and len(items) - len(bad) < wanted:
            return Result(bad[0][1].state, said=f"{len(bad)} of {len(items)}: {bad[0][1].told(f'[{bad[0][0]}]')}")
        return self._reduced(ended)

    def check(self) -> None:
        check_count(f"at_once of {self.label}", self.at_once)
        if self.join not in ("all", "any"):
            check_count(f"join of {self.label}", self.join)

    def _items(self, at: At) -> list[Any]:
        items = at.decide(self.label, "list", lambda data: made(self.over, data))
        if not is_list(items):
            raise Undecided(f"{self.label} goes over {items!r}, which is no list")
        return items

    def _walked(self, at: At, items: list[Any], wanted: int) -> list[Result | None] | None:
        """What each piece came to, None for those that had to come to nothing; None while that is open."""
        found: list[Result | None] = [None] * len(items)
        left = self.at_once
        for index, item in enumerate(items):
            if left <= 0:
                break
            found[index] = self.step.run(at.apart(f"[{index}]", item=item, index=index))
            left -= found[index] is None
        good = sum(one is not None and one.ok for one in found)
        bad = sum(one is not None and not one.ok for one in found)
        over = good >= wanted or good + bad == len(items)
        return found if over or (self.failures == "fail" and len(items) - bad < wanted) else None

    def _reduced(self, ended: Sequence[Result | None]) -> Result:
        answers = [one.value if one is not None and one.ok else None for one in ended]
        bad = [
            {"item": index, "outcome": one.state, "said": one.said}
            for index, one in enumerate(ended)
            if one is not None and not one.ok and one.state != "withdrawn"
        ]
        answer = {"answers": answers, "failed": bad, "returned": sum(one is not None and one.ok for one in ended)}
        if self.reduce is None:
            return Result("returned", answer)
        try:
            return Result("returned", self.reduce(answer))
        except Exception as error:  # a function that the user wrote
            return Result("failed", said=f"{type(error).__name__}: {error}")
