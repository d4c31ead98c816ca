"""Limits that follow how it goes: set by the keeper, once, each change on record, taken back by a person."""

import asyncio
from pathlib import Path

import pytest

from baton import Adaptive, Agent, tool
from baton.core import Conflict, InvalidValue, NotFound
from baton.flow import Keeper
from baton.flow.report import read_report
from baton.ledger import Ledger, limits, reservations
from support import call, on_both, open_office, script, soon


def failing_agent(bounds: Adaptive) -> Agent:
    @tool(at_once=bounds)
    async def send(to: str) -> str:
        """Send."""
        raise RuntimeError("the server is busy")

    return Agent("clerk", tools=[send], policy="allow-all", at_once="auto")


async def limit_of(ledger: Ledger, name: str) -> int:
    return next(one.capacity for one in await ledger.read(reservations.known) if one.name == name)


@on_both
async def test_a_tool_that_fails_gets_less_at_once_and_that_is_noted_once_with_its_cause(database: str) -> None:
    agent = failing_agent(Adaptive(least=2, most=8))
    async with open_office(database, [agent], script([call("send", to="x")] * 4)) as baton:
        assert await limit_of(baton.ledger, "tool send") == 4
        for run in [await baton.submit(f"go {number}") for number in range(4)]:
            await soon(run.result())
        keepers = [Keeper(baton.ledger) for _ in range(3)]  # as three workers have one each
        for _ in range(20):
            await asyncio.gather(*(keeper.look() for keeper in keepers))
            if await limit_of(baton.ledger, "tool send") != 4:
                break
        assert await limit_of(baton.ledger, "tool send") == 2
        (change,) = await baton.ledger.read(lambda tx: limits.changes(tx, "tool send"))
        assert (change.before, change.after, change.by) == (4, 2, "baton")
        assert change.cause.startswith("100 % of ") and change.cause.endswith(" calls failed")
        report = await baton.ledger.read(lambda tx: read_report(tx, tx.now - 3600.0))
        assert [one.name for one in report.limits] == ["agent clerk", "tool send"]
        assert list(report.changes) == [change]

        back = await baton.ledger.write(lambda tx: limits.undo(tx, "tool send", "ann"))
        assert (back.before, back.after, back.cause) == (2, 4, "ann has set it")
        assert await limit_of(baton.ledger, "tool send") == 4
    async with open_office(database, [agent], script(), dispatch=False) as baton:
        assert await limit_of(baton.ledger, "tool send") == 4  # it is not learnt anew


async def test_of_two_who_have_seen_the_same_one_changes_a_limit(tmp_path: Path) -> None:
    agents = [failing_agent(Adaptive(least=2, most=8))]
    async with open_office(tmp_path / "b.db", agents, script(), dispatch=False) as baton:
        told = [
            await baton.ledger.write(lambda tx: limits.adapt(tx, "tool send", {}, 3, {"until": 1.0}, "slow")),
            await baton.ledger.write(lambda tx: limits.adapt(tx, "tool send", {}, 2, {"until": 1.0}, "slow")),
        ]
        assert told == [True, False] and await limit_of(baton.ledger, "tool send") == 3


async def test_what_does_not_follow_how_it_goes_is_set_in_the_project(tmp_path: Path) -> None:
    @tool(at_once=3)
    async def send(to: str) -> str:
        """Send."""
        return to

    agents = [Agent("clerk", tools=[send], at_once=Adaptive(least=1, most=5))]
    async with open_office(tmp_path / "b.db", agents, script(), dispatch=False) as baton:
        with pytest.raises(InvalidValue, match="one that is `auto`"):
            await baton.ledger.write(lambda tx: limits.set_by_hand(tx, "tool send", 5, "ann"))
        with pytest.raises(InvalidValue, match="a number from 1 to 5"):
            await baton.ledger.write(lambda tx: limits.set_by_hand(tx, "agent clerk", 6, "ann"))
        with pytest.raises(NotFound, match="there is: agent clerk"):
            await baton.ledger.write(lambda tx: limits.set_by_hand(tx, "tool sned", 1, "ann"))
        with pytest.raises(Conflict, match="never changed"):
            await baton.ledger.write(lambda tx: limits.undo(tx, "agent clerk", "ann"))
