"""Runs per second on a graph of five trivial nodes: our fenced saver beside LangGraph's own, on both databases.

Full fsync everywhere, one process, 64 runs at once and one alone; rounds alternate, so that a busy machine slows all
alike. In-memory is LangGraph with no record at all: what durability costs. For all of them what has been loaded is kept
from the garbage collector, as `baton worker` does.
"""

import asyncio
import contextlib
import gc
import itertools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from report import Figure, median, report

from baton.agents import Agent, tool
from baton.agents.simulated import ScriptedMind, SimulatedCall
from baton.app import Baton
from baton.core import Goal
from baton.graph import Hold, LedgerSaver
from baton.graph.saver import HOLD
from baton.ledger import Ledger, leases, runs
from support.postgres import postgres_server

NODES = 5
ROUNDS = 5
ALONE = 24
AT_ONCE = 64

Invoke = Callable[[], Awaitable[float]]
"""Has the graph invoked once; gives the seconds that this took."""

Prepare = Callable[[], Awaitable[Invoke]]
"""Makes a thread or run that is ready to be invoked."""


class Count(TypedDict):
    n: int


def five_nodes(saver: Any) -> Any:
    graph: Any = StateGraph(Count)

    async def step(state: Count) -> Count:
        return {"n": state["n"] + 1}

    names = [f"step{number}" for number in range(NODES)]
    for name in names:
        graph.add_node(name, step)
    for before, after in itertools.pairwise([START, *names, END]):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=saver)


def bare(saver: Any) -> Prepare:
    """A new thread of LangGraph with a saver of its own."""
    graph, numbers = five_nodes(saver), itertools.count()

    async def prepare() -> Invoke:
        return partial(timed, graph, {"thread_id": f"t{next(numbers)}"})

    return prepare


def ours(ledger: Ledger) -> Prepare:
    """A new run on our saver: recorded, leased, and fenced in each transaction."""
    graph = five_nodes(LedgerSaver(ledger))

    async def prepare() -> Invoke:
        run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("bench"), "bench"))
        lease = await ledger.write(lambda tx: leases.take(tx, run, "bench", 60))
        assert lease is not None
        return partial(timed, graph, {"thread_id": run, HOLD: Hold(ledger, lease)})

    return prepare


async def timed(graph: Any, configurable: dict[str, Any]) -> float:
    started = time.perf_counter()
    result = await graph.ainvoke({"n": 0}, {"configurable": configurable}, durability="sync")
    assert result["n"] == NODES
    return time.perf_counter() - started


@tool(effect="write")
async def ping(text: str) -> str:
    """Answer."""
    return text


async def rate(prepare: Prepare, count: int) -> float:
    """Runs per second, `count` of them at once."""
    ready = await asyncio.gather(*(prepare() for _ in range(count)))
    started = time.perf_counter()
    await asyncio.gather(*(invoke() for invoke in ready))
    return count / (time.perf_counter() - started)


async def alone(prepare: Prepare) -> float:
    """Milliseconds a super-step, one run after another."""
    return median([await (await prepare())() for _ in range(ALONE)]) / NODES * 1000


@contextlib.asynccontextmanager
async def stock_sqlite(folder: Path) -> AsyncIterator[Any]:
    async with AsyncSqliteSaver.from_conn_string(str(folder / "stock.db")) as saver:
        yield saver


@contextlib.asynccontextmanager
async def stock_postgres(url: str) -> AsyncIterator[Any]:
    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(url, min_size=16, max_size=16, kwargs=settings, open=False) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        yield saver


async def compare(name: str, database: str, stock: contextlib.AbstractAsyncContextManager[Any]) -> list[Figure]:
    ledger = await Ledger.open(database)
    async with stock as saver:
        gc.collect(), gc.freeze()
        rivals: dict[str, Prepare] = {"ours": ours(ledger), "stock": bare(saver), "memory": bare(InMemorySaver())}
        one: dict[str, list[float]] = {key: [] for key in rivals}
        many: dict[str, list[float]] = {key: [] for key in rivals}
        for _ in range(ROUNDS):
            for key, prepare in rivals.items():
                one[key].append(await alone(prepare))
                many[key].append(await rate(prepare, AT_ONCE))
    await ledger.close()
    step, steps = median(one["ours"]), median(one["stock"])
    fast, slow, memory = (median(many[key]) for key in ("ours", "stock", "memory"))
    rival = f"LangGraph's async saver on {name}"
    return [
        Figure(metric=f"{name}: super-step, one run alone", value=step, unit="ms", rival=rival, rival_value=steps),
        Figure(metric=f"{name}: ratio, one run alone", value=step / steps, unit="x", goal="<= 1.0"),
        Figure(metric=f"{name}: {AT_ONCE} at once", value=fast, unit="runs/s", rival=rival, rival_value=slow),
        Figure(metric=f"{name}: ratio, {AT_ONCE} at once", value=fast / slow, unit="x", goal=">= 3"),
        Figure(
            metric=f"{name}: {AT_ONCE} at once, beside memory",
            value=fast / memory,
            unit="x",
            rival="LangGraph in memory, runs/s",
            rival_value=memory,
        ),
    ]


async def whole_loop(name: str, database: str) -> Figure:
    """Runs of the full loop: two model calls, policy, one write through the effect ledger, the end."""
    agent = Agent("bench", tools=[ping], policy="allow-all")
    mind = ScriptedMind([[[SimulatedCall(name="ping", arguments={"text": "hello"})]]])
    async with Baton(agents=[agent], database=database, mind=mind, concurrency=AT_ONCE) as baton:

        async def one() -> float:
            return float((await (await baton.submit(Goal("go"))).result()).turns)

        async def prepare() -> Invoke:
            return one

        await one()
        found = [await rate(prepare, AT_ONCE) for _ in range(2)]
    return Figure(metric=f"{name}: whole Baton runs, {AT_ONCE} at once", value=max(found), unit="runs/s")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="baton-bench-"))
    try:
        with postgres_server() as server:
            database = str(folder / "ours.db")
            figures = asyncio.run(compare("SQLite", database, stock_sqlite(folder)))
            figures.append(asyncio.run(whole_loop("SQLite", str(folder / "loop.db"))))
            figures += asyncio.run(compare("Postgres", server.database(), stock_postgres(server.database())))
            figures.append(asyncio.run(whole_loop("Postgres", server.database())))
        report("at_once", figures)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
