"""A tenant that floods: 10,000 runs of one, and how long another's wait to be begun, in a file and on Postgres.

Each run calls a tool that takes 20 ms; 16 are advanced at once. The other tenant submits a run now and then: first
beside a tenant whose work just fills the workers, then beside the flood. Its median wait, from the submission to the
first step, may grow by a fifth. Writes bench/results/fairness.json. Arguments: `--flood N` (default 10000).
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from report import Figure, report
from sqlalchemy import text

from baton import Agent, Baton, Goal, tool
from baton.core import RunId
from baton.ledger import Transaction, events, runs
from support import open_office
from support.minds import call, script
from support.postgres import postgres_server

PROBES = 60


@tool(effect="read")
async def work() -> str:
    """Work."""
    await asyncio.sleep(0.02)
    return "done"


AGENT = Agent("clerk", tools=[work])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--flood", type=int, default=10_000)
    options = parser.parse_args()
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        for kind in ("SQLite", "Postgres"):
            waits: dict[str, float] = {}
            for name, waiting in (("beside what fills the workers", 40), ("beside a flood", options.flood)):
                url = server.record() if kind == "Postgres" else str(Path(folder) / f"{waiting}.db")
                waits[name] = asyncio.run(median_wait(url, waiting)) * 1000
            (usual, flooded) = waits.values()
            growth = (flooded / usual - 1) * 100
            found += [
                Figure(metric=f"{kind}: median wait {name}", value=wait, unit="ms") for name, wait in waits.items()
            ]
            found.append(Figure(metric=f"{kind}: its growth", value=growth, unit="%", goal="<= 20"))
    report("fairness", found)


async def median_wait(url: str, waiting: int) -> float:
    async with office(url) as baton:
        feeding = asyncio.create_task(feed(baton, waiting))
        await asyncio.sleep(2.0)
        waits: list[float] = []
        for _ in range(PROBES):
            run = await submit(baton, "other", 1)
            waits.append(await wait_of(baton, run[0]))
            await asyncio.sleep(0.05)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    return statistics.median(waits)


@contextlib.asynccontextmanager
async def office(url: str) -> AsyncGenerator[Baton]:
    async with open_office(url, [AGENT], script([call("work")])) as baton:
        yield baton


async def feed(baton: Baton, waiting: int) -> None:
    """Keep so many runs of the flooding tenant waiting."""
    while True:
        open_ = await baton.ledger.read(lambda tx: tx.value(_OPEN))
        missing = waiting - open_
        for start in range(0, missing, 500):
            await submit(baton, "flood", min(500, missing - start))
        await asyncio.sleep(0.1)


async def submit(baton: Baton, tenant: str, many: int) -> list[RunId]:
    def create(tx: Transaction) -> list[RunId]:
        return [runs.create(tx, Goal("go"), "clerk", tenant=tenant)[0] for _ in range(many)]

    return await baton.ledger.write(create)


async def wait_of(baton: Baton, run: RunId) -> float:
    """Seconds from a run's submission until its model was asked first."""
    await (await baton.open(run)).result()
    told = await baton.ledger.read(lambda tx: events.of_run(tx, run))
    first = next(event for event in told if event.kind == "model.answered")
    seconds: float = first.data["seconds"]
    return max(0.0, first.at - seconds - told[0].at)


_OPEN = text("SELECT count(*) FROM runs WHERE tenant = 'flood' AND ended_at IS NULL")

if __name__ == "__main__":
    main()
