"""Dining philosophers: four agents and a person, who need two forks each to eat.

The agents follow a rule, no model: each asks for its forks, eats, gives them back, and begins again.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from baton import Agent, Baton, Resource, RunHandle, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.ledger import Transaction, reservations
from support import Says, call, calls, on_both, open_office, soon, until

MEALS = 4
SEATS = 5
FORKS = [Resource(f"fork-{number}", lease=None) for number in range(SEATS)]


def forks(seat: int) -> tuple[str, str]:
    return f"fork-{seat}", f"fork-{(seat + 1) % SEATS}"


class Table:
    """Who has eaten, in order; nobody eats with a fork that another has."""

    def __init__(self) -> None:
        self.meals: list[int] = []
        self._used: set[str] = set()

    async def eat(self, seat: int) -> None:
        mine = set(forks(seat))
        assert not mine & self._used, f"{seat} eats with a fork that another has"
        self._used |= mine
        await asyncio.sleep(0.01)
        self._used -= mine
        self.meals.append(seat)


def philosopher(table: Table, seat: int) -> Agent:
    @tool
    async def eat() -> str:
        """Eat."""
        await table.eat(seat)
        return "eaten"

    return Agent(f"p{seat}", tools=[eat], resources=list(forks(seat)), policy="allow-all")


def rounds(seat: int, *, naive: bool) -> list[SimulatedCall]:
    left, right = forks(seat)
    together = [call("reserve_resources", resources=[left, right])]
    apart = [
        call("reserve_resources", resources=[left]),
        call("wait_for", event="seated"),
        call("reserve_resources", resources=[right]),
    ]
    meal = [*(apart if naive else together), call("eat"), call("release_resources", resources=[left, right])]
    return [*(meal * (1 if naive else MEALS)), call("finish", summary="full")]


class Thinking:
    """Goes through its rounds one after the other; says that it waits while the last one is pending."""

    def __init__(self, *, naive: bool) -> None:
        self._naive = naive

    def __call__(self, conversation: Conversation) -> Answer:
        goal = conversation.user_texts()[0]
        seat = next(number for number in range(SEATS) if f"seat {number}" in goal)
        results = list(conversation.results())
        todo = rounds(seat, naive=self._naive)
        told = [text for text in conversation.user_texts() if text.startswith(("[reserved]", "[event"))]
        waited = sum(result.startswith("pending: ") for _, _, result in results)
        if waited > len(told):
            return Answer(text="I wait.")
        return calls(todo[len(results)])


async def dine(baton: Baton, table: Table) -> None:
    """A person at the table, by the same rule."""
    for _ in range(MEALS):
        mine = await baton.shared.reserve(*forks(SEATS - 1), by="ann")

        def have(tx: Transaction, number: int = mine.number) -> bool:
            found = reservations.get(tx, number)
            return found is not None and not found.waits

        await until(baton.ledger, have)
        await table.eat(SEATS - 1)
        await baton.shared.give_back(mine.number, by="ann")


async def seated(baton: Baton) -> list[RunHandle]:
    return [await baton.submit(f"Dine at seat {seat}.", agent=f"p{seat}") for seat in range(SEATS - 1)]


@on_both
async def test_who_asks_for_both_forks_at_once_is_never_stuck_and_nobody_starves(database: str) -> None:
    table = Table()
    agents = [philosopher(table, seat) for seat in range(SEATS - 1)]
    async with open_office(database, agents, Says(Thinking(naive=False)), resources=FORKS) as baton:
        runs = await seated(baton)
        await soon(asyncio.gather(dine(baton, table), *(run.result() for run in runs)))
        assert await baton.stuck() == [] and await baton.shared.reservations() == []
    assert Counter(table.meals) == dict.fromkeys(range(SEATS), MEALS)
    for place, seat in enumerate(table.meals):  # between two meals of one, each neighbour eats twice at most
        later = table.meals[place + 1 :]
        between = later[: later.index(seat)] if seat in later else []
        neighbours = [(seat - 1) % SEATS, (seat + 1) % SEATS]
        assert all(between.count(one) <= 2 for one in neighbours), table.meals


@on_both
async def test_one_fork_after_the_other_is_found_stuck_and_named_with_a_way_out(database: str) -> None:
    table = Table()
    agents = [philosopher(table, seat) for seat in range(SEATS - 1)]
    async with open_office(database, agents, Says(Thinking(naive=True)), resources=FORKS) as baton:
        runs = await seated(baton)
        hers, right = forks(SEATS - 1)
        mine = await baton.shared.reserve(hers, by="ann")
        await until(baton.ledger, lambda tx: len(reservations.listed(tx)) == SEATS)
        await soon(asyncio.gather(*(run.settled() for run in runs)))
        await baton.shared.reserve(right, by="ann")
        assert await baton.stuck() == []  # an event may come: each has one fork and waits for it
        await baton.publish("seated")
        await until(baton.ledger, lambda tx: len(reservations.listed(tx)) == 2 * SEATS)
        await soon(asyncio.gather(*(run.settled() for run in runs)))

        found = {one.node.id: one for one in await baton.stuck()}
        assert found.keys() == {run.id for run in runs}
        one = found[runs[0].id]
        assert one.circle == runs[0].id
        said = [f"{node.says} {node.because}" for node in one.chain]
        assert said[0] == f"{runs[0].id} of p0 waits"
        assert said[1].startswith(f"fork-1 is held by {runs[1].id} of p1 for ")
        assert any(line.startswith("fork-4 is held by ann for ") for line in said)
        assert f"take fork-4 back (baton resources release {mine.number})" in one.ways_out

        await baton.shared.give_back(mine.number, by="bob")  # and that way out works
        for run in runs:
            assert (await soon(run.result())).summary == "full"
        assert await baton.stuck() == []
    assert sorted(table.meals) == list(range(SEATS - 1))


async def test_where_a_fork_is_lent_for_a_time_the_circle_ends_by_itself(tmp_path: Path) -> None:
    from baton.core import ManualClock
    from baton.flow import Anybody
    from baton.flow.work import until_a_lease

    clock, table = ManualClock(1_800_000_000.0), Table()
    agents = [philosopher(table, seat) for seat in range(SEATS - 1)]
    lent: list[Any] = [Resource(f"fork-{number}", lease="10m") for number in range(SEATS)]
    async with open_office(tmp_path / "b.db", agents, Says(Thinking(naive=True)), resources=lent, clock=clock) as baton:
        runs = await seated(baton)
        await baton.shared.reserve("fork-4", by="ann")
        await until(baton.ledger, lambda tx: len(reservations.listed(tx)) == SEATS)
        await soon(asyncio.gather(*(run.settled() for run in runs)))
        await baton.shared.reserve("fork-0", by="ann")
        await baton.publish("seated")
        await until(baton.ledger, lambda tx: len(reservations.listed(tx)) == 2 * SEATS)
        await soon(asyncio.gather(*(run.settled() for run in runs)))
        assert await baton.stuck() == []
        waits = await baton.ledger.read(lambda tx: until_a_lease(tx, Anybody()))
        assert {one.node.id for one in waits} == {run.id for run in runs}
        clock.advance(601.0)
        await until(baton.ledger, lambda tx: any(one.tokens.get("fork-0") == 2 for one in reservations.listed(tx)))
