"""Pieces of work that are handed on in batches and joined in the record: what is next, and when it is over."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.results import Result
from baton.graph.patterns.steps import Do
from baton.graph.patterns.walking import At
from baton.ledger.joins import Join, Missed
from baton.ledger.workflow_steps import StepRow


def spread(
    at: At, pattern: Pattern, step: Do, items: Sequence[Any], wanted: int, *, strict: bool, at_once: int
) -> list[Result | None] | None:
    """What each piece came to, None for those that had to come to nothing; None while that is open.

    Args:
        at: The place in the walk.
        pattern: The part that joins them.
        step: What each is.
        items: What each is for.
        wanted: How many have to return.
        strict: Whether it is over as soon as fewer can.
        at_once: How many are under way at a time.
    """
    name, key = pattern.label, pattern.label + at.scope
    join = at.walk.joins.get(key)
    if join is None:
        join = Join(total=len(items), needed=min(wanted, len(items)), strict=strict)
        at.open_join(name, pattern.what, join)
    batches = _Batches(at, name)
    alone = [place for place in batches.refused() if (place, place) not in batches.rows]
    missed = {one.item for one in join.missed}
    lost = [Missed(item=place, state=row.state or "", said=row.said) for place, row in batches.missed(missed)]
    if lost:
        join = replace(
            join, spread=join.spread + len(lost), ended=join.ended + len(lost), missed=join.missed + tuple(lost)
        )
        at.walk.missed[key] = lost
        at.walk.joins[key] = join
    if join.over:
        return _ended(at, key, join, len(items))
    room = at_once - (join.spread - join.ended) - batches.open
    first, threshold = batches.next, max(1, at_once // 2)
    for place in alone[: max(room, 0)]:
        _hand(at, name, step, items, place, place, join.ended + 1)
    size = 0 if alone else min(room, len(items) - first)
    if size >= threshold or size == len(items) - first > 0:
        more = first + size < len(items)
        _hand(at, name, step, items, first, first + size - 1, join.ended + threshold if more else len(items))
    elif join.told or lost:
        at.walk.wakes[key] = join.ended + 1 if alone or first < len(items) else len(items)
    return None


class _Batches:
    """The batches of a part that have begun, by the places of their first and last piece."""

    def __init__(self, at: At, name: str) -> None:
        self.rows: dict[tuple[int, int], StepRow] = {}
        for row in at.parts_of(name, "batch "):
            first, _, last = row.key.partition("?batch ")[2].partition("#")[0].partition("[")[0].partition("-")
            self.rows[int(first), int(last)] = row

    @property
    def next(self) -> int:
        """The first piece that nobody has tried to hand on."""
        return max((last for _, last in self.rows), default=-1) + 1

    @property
    def open(self) -> int:
        """Pieces of batches that are not handed on yet: they are asked about, say."""
        return sum(last - first + 1 for (first, last), row in self.rows.items() if row.state is None)

    def refused(self) -> Iterator[int]:
        """The pieces of batches that could not be handed on together."""
        for (first, last), row in sorted(self.rows.items()):
            if first < last and row.state not in (None, "returned"):
                yield from range(first, last + 1)

    def missed(self, known: set[int]) -> list[tuple[int, StepRow]]:
        """The pieces that could not be handed on by themselves either, and are not known as such."""
        return [
            (first, row)
            for (first, last), row in sorted(self.rows.items())
            if first == last and row.state not in (None, "returned") and first not in known
        ]


def _hand(at: At, name: str, step: Do, items: Sequence[Any], first: int, last: int, wakes_at: int) -> None:
    """Have the pieces from one place to another handed on."""

    def arguments(_data: dict[str, Any]) -> dict[str, Any]:
        said = [step.said({**at.view, "item": items[place], "index": place}) for place in range(first, last + 1)]
        common = {field: value for field, value in said[0].items() if field not in ("task", "payload")}
        payloads = {"payloads": [one["payload"] for one in said]} if "payload" in said[0] else {}
        tasks = [one["task"] for one in said]
        return {**common, "step": name + at.scope, "first": first, "tasks": tasks, "wakes_at": wakes_at, **payloads}

    at.begin(f"{name}?batch {first}-{last}", step.what, "hand_off_each", arguments)


def _ended(at: At, key: str, join: Join, total: int) -> list[Result | None] | None:
    """What the pieces came to, once it has been read; what is open of them is let go of."""
    if key not in at.walk.answers:
        at.walk.wanted.add(key)
        return None
    if join.ended < total:
        at.walk.closed[key] = "as many as are needed have ended"
    found: list[Result | None] = [None] * total
    for place, result in at.walk.answers[key]:
        found[place] = result
    for one in join.missed:
        found[one.item] = Result(one.state, said=one.said)  # type: ignore[arg-type]
    return found
