"""The same for each of many: at most so many at once, joined, and made one answer of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from baton.graph.patterns.beside import Join, needed
from baton.graph.patterns.data import Made, made
from baton.graph.patterns.json_shapes import is_list
from baton.graph.patterns.pattern import Pattern, check_count
from baton.graph.patterns.results import Result
from baton.graph.patterns.walking import At, Undecided


@dataclass(frozen=True)
class Map(Pattern):
    """The same for each of a list. `item` is the one that it is for within it, and `index` its place, from 0.

    Its answer: `answers` in the order of the list, None for those that did not return; `failed` with item, outcome and
    words; `returned`, how many did. With `reduce`, what that makes of it.

    Attributes:
        over: The list, or how it is made.
        step: What is done for each.
        at_once: How many are under way at a time.
        join: How many have to return; the rest is withdrawn then.
        failures: `fail`: it fails with the first that cannot be done without. `go on`: the answer names those that
            failed.
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
    def says(self) -> Made:
        return self.over

    @property
    def own_names(self) -> tuple[str, ...]:
        return ("item", "index")

    def go(self, at: At) -> Result | None:
        items = self._items(at)
        results: list[Result | None] = [None] * len(items)
        open_ones = 0
        for index, item in enumerate(items):
            if open_ones >= self.at_once:
                break
            results[index] = self.step.run(at.apart(f"[{index}]", item=item, index=index))
            open_ones += results[index] is None
        return self._joined(at, items, results)

    def check(self) -> None:
        check_count(f"at_once of {self.label}", self.at_once)
        if self.join not in ("all", "any"):
            check_count(f"join of {self.label}", self.join)

    def _items(self, at: At) -> list[Any]:
        items = at.decide(self.label, "list", lambda data: made(self.over, data))
        if not is_list(items):
            raise Undecided(f"{self.label} goes over {items!r}, which is no list")
        return items

    def _joined(self, at: At, items: list[Any], results: list[Result | None]) -> Result | None:
        wanted = (
            min(needed(self.join, len(items)), len(items))
            if self.failures == "go on"
            else needed(self.join, len(items))
        )
        good = sum(one is not None and one.ok for one in results)
        failed = [(index, one) for index, one in enumerate(results) if one is not None and not one.ok]
        ended = good + len(failed)
        if good < wanted and ended < len(items) and not (self.failures == "fail" and len(items) - len(failed) < wanted):
            return None
        if good < wanted and self.failures == "fail":
            index, worst = failed[0] if failed else (0, Result("failed", said=f"only {len(items)} in the list"))
            return Result(worst.state, said=f"{len(failed)} of {len(items)}: {worst.told(f'[{index}]')}")
        answers = [one.value if one is not None and one.ok else None for one in results]
        told = [{"item": index, "outcome": one.state, "said": one.said} for index, one in failed]
        return self._reduced({"answers": answers, "failed": told, "returned": good})

    def _reduced(self, answer: dict[str, Any]) -> Result:
        if self.reduce is None:
            return Result("returned", answer)
        try:
            return Result("returned", self.reduce(answer))
        except Exception as error:  # a function that the user wrote
            return Result("failed", said=f"{type(error).__name__}: {error}")
