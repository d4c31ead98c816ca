"""What can never move: the least fixed point against a simulation, a table of small graphs, chains and ways out."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import InvalidValue
from baton.flow import FREE, NEVER, Graph, Node, Stuck, Wait, all_of, any_of, movable, some_of, stuck


def graph(**waits: Wait) -> Graph:
    return {id: Node(id=id, kind="run", says=id, wait=wait, way_out=f"free {id}") for id, wait in waits.items()}


def held(found: list[Stuck]) -> str:
    return " ".join(one.node.id for one in found)


TABLE = {
    "a circle through people, one of whom comes back": (
        graph(a=any_of("b"), b=any_of("alice", "bob"), alice=any_of("a"), bob=FREE),
        "",
    ),
    "the same with bob gone for ever": (
        graph(a=any_of("b"), b=any_of("alice", "bob"), alice=any_of("a"), bob=NEVER),
        "a b alice bob",
    ),
    "two runs that wait for one another": (graph(a=any_of("b"), b=any_of("a")), "a b"),
    "two that wait for one another, one of them also for a time": (graph(a=any_of("b", "time"), b=any_of("a")), ""),
    "the same, but both are needed": (graph(a=all_of("b", "time"), b=any_of("a"), time=FREE), "a b"),
    "one who waits for himself": (graph(a=any_of("a")), "a"),
    "somebody on leave for ever, and nobody else": (graph(a=any_of("r"), r=any_of("ann"), ann=NEVER), "a r ann"),
    "somebody on leave for ever, and somebody else": (graph(r=any_of("ann", "bob"), ann=NEVER, bob=FREE), "ann"),
    "two of three people, all there": (graph(r=some_of(2, "x", "y", "z"), x=FREE, y=FREE, z=FREE), ""),
    "two of three people, one left": (graph(r=some_of(2, "x", "y", "z"), x=FREE, y=NEVER, z=NEVER), "r y z"),
    "two of one": (graph(r=some_of(2, "x"), x=FREE), "r"),
    "a holder that is gone: its lease runs out": (graph(a=any_of("lease"), lease=FREE), ""),
    "a chain of hand-offs above a question": (
        graph(top=any_of("middle"), middle=any_of("low"), low=any_of("r"), r=any_of("ann"), ann=NEVER),
        "top middle low r ann",
    ),
    "two proposals that joined one question": (
        graph(one=any_of("r"), two=any_of("r"), r=any_of("ann"), ann=FREE),
        "",
    ),
    "any of none": (graph(a=any_of()), "a"),
    "all of none": (graph(a=all_of()), ""),
    "what is not in the graph holds nobody up": (graph(a=all_of("elsewhere")), ""),
}


@pytest.mark.parametrize("name", TABLE)
def test_small_graphs(name: str) -> None:
    given_, expected = TABLE[name]
    assert held(stuck(given_)) == expected
    assert movable(given_) == {*given_} - {*expected.split()}


def test_a_chain_leads_to_its_end_by_the_shortest_way() -> None:
    found = stuck(graph(a=any_of("b", "c"), b=any_of("a"), c=any_of("ann"), ann=NEVER, top=any_of("a")))
    (top,) = [one for one in found if one.node.id == "top"]
    assert [node.id for node in top.chain] == ["top", "a", "c", "ann"]
    assert top.circle is None
    assert top.ways_out[:4] == ("free ann", "free c", "free a", "free top")
    assert [one.node.id for one in found if not one.awaited] == ["top"]


def test_a_circle_is_told_once_around() -> None:
    (top, *_) = stuck(graph(top=any_of("a"), a=any_of("b"), b=any_of("a")))
    assert ([node.id for node in top.chain], top.circle) == (["top", "a", "b"], "a")
    assert top.ways_out == ("free b", "free a", "free top")


def test_a_way_out_is_enough_by_itself() -> None:
    (review, *_) = stuck(graph(r=some_of(2, "x", "y", "z"), x=FREE, y=NEVER, z=NEVER))
    assert review.ways_out == ("free y", "free r", "free z")
    (review, *_) = stuck(graph(r=some_of(2, "y", "z"), y=NEVER, z=NEVER))
    assert review.ways_out == ("free r",)


def test_nobody_is_counted_twice() -> None:
    assert some_of(2, "ann", "ann") == Wait(2, ("ann",))
    with pytest.raises(InvalidValue, match="named once each"):
        Wait(2, ("ann", "ann"))


IDS = [f"n{number}" for number in range(7)]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    waits: dict[str, Wait] = {}
    for id in IDS[: draw(st.integers(1, len(IDS)))]:
        of = draw(st.lists(st.sampled_from(IDS), max_size=4, unique=True))
        waits[id] = Wait(draw(st.integers(0, 4)), tuple(of))
    return graph(**waits)


def play(given_: Graph, released: frozenset[str] = frozenset()) -> set[str]:
    """Let one after the other move, in any order, until nobody can."""
    moved = {other for node in given_.values() for other in node.wait.of if other not in given_} | released
    while True:
        ready = [id for id, node in given_.items() if id not in moved and can(node, moved)]
        if not ready:
            return moved & given_.keys()
        moved.add(ready[-1])


def can(node: Node, moved: set[str]) -> bool:
    """Whether some choice of as many as it needs has moved: by trying every choice."""
    return any(moved.issuperset(chosen) for chosen in itertools.combinations(node.wait.of, node.wait.needs))


@given(graphs())
def test_the_least_fixed_point_is_what_a_simulation_moves(given_: Graph) -> None:
    moved = play(given_)
    assert movable(given_) == moved
    assert {one.node.id for one in stuck(given_)} == given_.keys() - moved


@given(graphs())
def test_chains_and_ways_out_are_right(given_: Graph) -> None:
    found = stuck(given_)
    ids = {one.node.id for one in found}
    for one in found:
        assert one.chain[0] == one.node and {node.id for node in one.chain} <= ids
        for before, after in itertools.pairwise(one.chain):
            assert after.id in before.wait.of
        last = one.chain[-1]
        if one.circle is None:
            assert ids.isdisjoint(last.wait.of)
        else:
            assert one.circle in last.wait.of and one.circle in [node.id for node in one.chain]
        assert sorted(one.ways_out) == sorted(enough(given_, ids, one.node.id))


def enough(given_: Graph, ids: set[str], id: str) -> Iterator[str]:
    return (f"free {other}" for other in ids if id in play(given_, frozenset({other})))


def test_a_long_circle_and_a_wide_fan_take_no_time() -> None:
    ring = {f"r{n}": any_of(f"r{(n + 1) % 300}") for n in range(300)}
    fan = {f"f{n}": any_of("ann") for n in range(20_000)} | {"ann": NEVER}
    assert len(stuck(graph(**ring, **fan))) == 20_301
