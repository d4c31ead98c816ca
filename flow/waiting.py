"""Who waits for what, as a graph: what can ever move in it, and what would set the rest free. No I/O.

Waits of people and runs are mostly waits for any of several things, so a circle in the graph is no deadlock yet: of a
hundred healthy graphs a search for circles flags half. What can ever move is the least fixed point instead: what is
free can, and then whatever waits only for enough of what can. The rest is stuck for ever, whatever else happens.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from baton.core import InvalidValue

Kind = Literal["run", "review", "person", "resource"]


@dataclass(frozen=True)
class Wait:
    """What something waits for: so many of some others have to move first.

    Attributes:
        needs: How many: 1 is any of them, as many as there are is all of them, 0 is nothing, and it is free.
        of: Their ids, each once. One that is no node of the graph is free: nothing is known that holds it up.
    """

    needs: int = 0
    of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a wait that would count somebody twice.

        Raises:
            InvalidValue: if an id is named more than once.
        """
        if len(set(self.of)) < len(self.of):
            raise InvalidValue("wait", ", ".join(self.of), "ids that are named once each")


FREE = Wait()
"""Nothing holds it up: it has work to do, or a time that comes, or something from outside."""

NEVER = Wait(1)
"""There is nothing whose moving would move it."""


def any_of(*ids: str) -> Wait:
    """A wait for one of these, whichever; for none of none it can never move."""
    return Wait(1, tuple(dict.fromkeys(ids)))


def all_of(*ids: str) -> Wait:
    """A wait for all of these; without any it is free."""
    named = tuple(dict.fromkeys(ids))
    return Wait(len(named), named)


def some_of(needs: int, *ids: str) -> Wait:
    """A wait for so many different ones of these."""
    return Wait(needs, tuple(dict.fromkeys(ids)))


@dataclass(frozen=True, kw_only=True)
class Node:
    """Something that waits, or that others wait for.

    Attributes:
        says: What it is, in a few words.
        because: Why it waits, in words that follow those; such as `is never on duty again`.
        way_out: What people can do so that it moves or is out of the way.
    """

    id: str
    kind: Kind
    says: str
    wait: Wait = FREE
    because: str = ""
    way_out: str = ""


Graph = Mapping[str, Node]
"""Nodes by their id."""


def movable(graph: Graph) -> frozenset[str]:
    """The nodes that can ever move: the least fixed point, in time proportional to the graph."""
    missing = {id: node.wait.needs - sum(other not in graph for other in node.wait.of) for id, node in graph.items()}
    free = [id for id, count in missing.items() if count <= 0]
    return frozenset(_released(free, missing, _waiters(graph, graph)))


def released_by(graph: Graph, held: Collection[str]) -> Mapping[str, frozenset[str]]:
    """For each node that can never move, which of these would, were it out of the way; itself is one of them."""
    missing = {id: graph[id].wait.needs - sum(one not in held for one in graph[id].wait.of) for id in held}
    waiters = _waiters(graph, held)
    return {id: frozenset(_released([id], missing, waiters)) for id in held}


def _waiters(graph: Graph, among: Collection[str]) -> dict[str, list[str]]:
    """Who waits for each node, both among these."""
    found: dict[str, list[str]] = {}
    for id in among:
        for other in graph[id].wait.of:
            if other in among:
                found.setdefault(other, []).append(id)
    return found


def _released(free: Iterable[str], missing: Mapping[str, int], waiters: Mapping[str, list[str]]) -> set[str]:
    """What moves once these are free; `missing` says how many more each of the others needs."""
    moved, left = set(free), dict[str, int]()
    todo = list(moved)
    while todo:
        for id in waiters.get(todo.pop(), ()):
            left[id] = left.get(id, missing[id]) - 1
            if left[id] <= 0 and id not in moved:
                moved.add(id)
                todo.append(id)
    return moved
