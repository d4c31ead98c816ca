"""Whose runs are begun first: a flood of one tenant's beside another's, and priorities."""

import asyncio
from pathlib import Path

from baton import Agent, Baton, Goal, tool
from baton.agents import OpenAIModel, SimulatedServer
from baton.core import RunId
from baton.ledger import Ledger, Transaction, runs
from support import call, on_both, open_office, script, soon, until


def slow(begun: list[str]) -> Agent:
    @tool(effect="read")
    async def look(who: str) -> str:
        """Look."""
        begun.append(who)
        await asyncio.sleep(0.02)
        return "seen"

    return Agent("clerk", tools=[look])


async def submit(ledger: Ledger, tenant: str, many: int, priority: int = 0) -> list[RunId]:
    def create(tx: Transaction) -> list[RunId]:
        goal = Goal("go", priority=priority)
        return [runs.create(tx, goal, "clerk", tenant=tenant)[0] for _ in range(many)]

    return await ledger.write(create)


async def order(baton: Baton) -> list[str]:
    """Tenants of the runs that have ended, in the order of their ends."""
    rows = await baton.ledger.read(lambda tx: runs.listed(tx, statuses=("done",)))
    return [run.tenant for run in sorted(rows, key=lambda run: run.ended_at or 0.0)]


MIND = script([call("look", who="x")])


@on_both
async def test_a_flood_does_not_delay_another_tenants_runs(database: str, tmp_path: Path) -> None:
    agent = slow([])
    async with open_office(database, [agent], MIND, dispatch=False) as baton:
        await submit(baton.ledger, "flood", 300)
    async with open_office(database, [agent], MIND) as baton:
        few = await submit(baton.ledger, "other", 6)
        await soon(asyncio.gather(*[(await baton.open(run)).result() for run in few]))
        ended = await order(baton)
        assert ended.count("other") == 6
        assert ended.count("flood") < 200  # were it first come first served, all of them came before


async def test_priority_is_worth_ten_minutes_a_step(tmp_path: Path) -> None:
    async with open_office(tmp_path, [slow([])], MIND, dispatch=False) as baton:
        (plain,) = await submit(baton.ledger, "local", 1)
        (urgent,) = await submit(baton.ledger, "local", 1, priority=2)
        (later,) = await submit(baton.ledger, "local", 1, priority=-1)
        from baton.ledger import leases

        ready = await baton.ledger.read(lambda tx: leases.ready(tx, 10))
        assert ready == {"local": [urgent, plain, later]}


@on_both
async def test_who_weighs_more_is_served_more(database: str, tmp_path: Path) -> None:
    agent = slow([])
    async with open_office(database, [agent], MIND, dispatch=False) as baton:
        baton.ledger.database.weigh({"gold": 4.0})
        await submit(baton.ledger, "plain", 120)
        await submit(baton.ledger, "gold", 120)
    async with (
        SimulatedServer(MIND) as server,
        OpenAIModel(base_url=server.base_url, api_key="k") as model,
        Baton(agents=[agent], database=database, model=model, concurrency=4, shares={"gold": 4.0}) as baton,
    ):
        many = await until(baton.ledger, lambda tx: _at_least(tx, 80))
        ended = await order(baton)
        assert len(ended) >= many
    served = ended[:80]
    assert served.count("gold") > 2 * served.count("plain") > 0


def _at_least(tx: Transaction, many: int) -> int | None:
    found = len(runs.listed(tx, statuses=("done",)))
    return found if found >= many else None
