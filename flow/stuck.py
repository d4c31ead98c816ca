"""What can never move again: the chain that says why, and the ways out. No I/O."""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from baton.flow.waiting import Graph, Node, movable, released_by


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """Something that can never move by itself.

    Attributes:
        node: What.
        chain: It, what it waits for, what that waits for, and so on: to what waits for nothing that is stuck, or around
            a circle once.
        circle: The id at which the chain comes back to itself; None where it comes to an end.
        ways_out: What is enough, each by itself, for it to move; the first is nearest to the cause.
        exits: The nodes that these are about.
        awaited: Whether something else that is stuck waits for it; what nothing else waits for is the head of a chain.
    """

    node: Node
    chain: tuple[Node, ...]
    circle: str | None
    ways_out: tuple[str, ...]
    exits: tuple[Node, ...]
    awaited: bool


def stuck(graph: Graph) -> list[Stuck]:
    """What in a graph can never move, in the graph's order."""
    free = movable(graph)
    held = {id: None for id in graph if id not in free}  # in order, unlike a set
    awaited = {other for id in held for other in graph[id].wait.of if other in held and other != id}
    ways: dict[str, list[str]] = {id: [] for id in held}
    for id, released in released_by(graph, held).items():
        for other in released:
            ways[other].append(id)
    return [_stuck(graph, held, id, ways[id], awaited=id in awaited) for id in held]


def heads(found: Sequence[Stuck]) -> Iterator[Stuck]:
    """Where to begin to tell: what nothing else waits for, and of what is left whatever no chain has told of yet."""
    told: set[str] = set()
    for one in sorted(found, key=lambda one: one.awaited):
        if not one.awaited or one.node.id not in told:
            told.update(node.id for node in one.chain)
            yield one


def _stuck(graph: Graph, held: Collection[str], id: str, ways: Collection[str], *, awaited: bool) -> Stuck:
    chain, circle = _chain(graph, held, id)
    near = {one: place for place, one in enumerate(reversed(chain))}
    ordered = sorted(ways, key=lambda one: near.get(one, len(near)))
    exits = tuple(graph[one] for one in ordered if graph[one].way_out)
    return Stuck(
        node=graph[id],
        chain=tuple(graph[one] for one in chain),
        circle=circle,
        ways_out=tuple(dict.fromkeys(one.way_out for one in exits)),
        exits=exits,
        awaited=awaited,
    )


def _chain(graph: Graph, held: Collection[str], start: str) -> tuple[list[str], str | None]:
    """The shortest way to what waits for nothing that is stuck; where there is none, around the first circle."""
    came_from: dict[str, str | None] = {start: None}
    todo = deque([start])
    while todo:
        id = todo.popleft()
        onward = [one for one in graph[id].wait.of if one in held]
        if not onward:
            return _back(came_from, id), None
        for other in onward:
            if other not in came_from:
                came_from[other] = id
                todo.append(other)
    return _around(graph, held, start)


def _back(came_from: Mapping[str, str | None], end: str) -> list[str]:
    way, at = list[str](), end
    while True:
        way.append(at)
        before = came_from[at]
        if before is None:
            return way[::-1]
        at = before


def _around(graph: Graph, held: Collection[str], start: str) -> tuple[list[str], str]:
    way, at = dict[str, None](), start
    while at not in way:
        way[at] = None
        at = next(one for one in graph[at].wait.of if one in held)
    return list(way), at
