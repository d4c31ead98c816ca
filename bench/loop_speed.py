"""How fast the loop is, beside bare LangGraph on its own SQLite saver, and where a whole turn's time goes.

The same graph of five trivial nodes runs on both savers, fully fsynced, in turns that alternate within one process, so
that a busy machine slows both. Ours is fenced: it checks its epoch in every transaction.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from report import Figure, median, report

from baton.agents import Agent, tool
from baton.agents.simulated import ScriptedMind, SimulatedCall
from baton.app import Baton
from baton.core import Goal, RunId
from baton.graph import Hold, LedgerSaver
from baton.graph.saver import HOLD
from baton.ledger import Ledger, leases, runs

NODES = 5
ROUNDS = 60
TURNS = 40


class Count(TypedDict):
    n: int


def five_nodes(saver: Any) -> Any:
    graph: Any = StateGraph(Count)

    async def step(state: Count) -> Count:
        return {"n": state["n"] + 1}

    names = [f"step{number}" for number in range(NODES)]
    for name in names:
        graph.add_node(name, step)
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=saver)


async def invoke(graph: Any, config: dict[str, Any]) -> float:
    started = time.perf_counter()
    result = await graph.ainvoke({"n": 0}, config, durability="sync")
    assert result["n"] == NODES
    return (time.perf_counter() - started) / NODES * 1000


async def ours(ledger: Ledger, graph: Any) -> float:
    """Milliseconds a super-step of a new run, leased and fenced."""
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("bench"), "bench"))
    lease = await ledger.write(lambda tx: leases.take(tx, run, "bench", 60))
    assert lease is not None
    return await invoke(graph, {"configurable": {"thread_id": run, HOLD: Hold(ledger, lease)}})


async def super_steps(folder: Path) -> list[Figure]:
    ledger = await Ledger.open(str(folder / "ours.db"))
    async with AsyncSqliteSaver.from_conn_string(str(folder / "stock.db")) as stock_saver:
        our_graph, stock_graph = five_nodes(LedgerSaver(ledger)), five_nodes(stock_saver)
        our_times, stock_times = [], []
        for number in range(ROUNDS):
            our_times.append(await ours(ledger, our_graph))
            stock_times.append(await invoke(stock_graph, {"configurable": {"thread_id": f"t{number}"}}))
        started = time.perf_counter()
        await asyncio.gather(*(ours(ledger, our_graph) for _ in range(ROUNDS)))
        our_many = (time.perf_counter() - started) / ROUNDS / NODES * 1000
        started = time.perf_counter()
        stock = [invoke(stock_graph, {"configurable": {"thread_id": f"m{n}"}}) for n in range(ROUNDS)]
        await asyncio.gather(*stock)
        stock_many = (time.perf_counter() - started) / ROUNDS / NODES * 1000
    await ledger.close()
    alone, rival = median(our_times), median(stock_times)
    name = "bare LangGraph, AsyncSqliteSaver"
    return [
        Figure(metric="super-step, one run alone", value=alone, unit="ms", rival=name, rival_value=rival),
        Figure(metric="ratio, one run alone", value=alone / rival, unit="x", goal="<= 1.0"),
        Figure(
            metric=f"super-step, {ROUNDS} runs at once", value=our_many, unit="ms", rival=name, rival_value=stock_many
        ),
        Figure(metric=f"ratio, {ROUNDS} runs at once", value=our_many / stock_many, unit="x"),
    ]


@tool(effect="write")
async def ping(text: str) -> str:
    """Answer."""
    return text


class Spent:
    """Seconds spent inside a method of the ledger, in whichever thread it runs, and how often it was called."""

    def __init__(self, name: str) -> None:
        self.seconds, self.calls = 0.0, 0
        inner = getattr(Ledger, name)

        def timed(ledger: Ledger, *arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return inner(ledger, *arguments)
            finally:
                self.seconds += time.perf_counter() - started
                self.calls += 1

        setattr(Ledger, name, timed)

    def reset(self) -> None:
        self.seconds, self.calls = 0.0, 0


async def whole_turn(folder: Path) -> list[Figure]:
    """A conversation's turn with one write: message, two model calls, policy, effect, answer."""
    script = [[[SimulatedCall(name="ping", arguments={"text": "hello"})]]] * 200
    agent = Agent("bench", tools=[ping], policy="allow-all", context_tokens=10_000_000)
    commits, reads = Spent("_commit"), Spent("_read")
    totals: list[float] = []
    async with Baton(agents=[agent], database=folder / "turns.db", mind=ScriptedMind(script)) as baton:
        talk = await baton.converse()
        await talk.say("warm up")
        commits.reset(), reads.reset()
        for number in range(TURNS):
            started = time.perf_counter()
            await talk.say(f"turn {number}")
            totals.append((time.perf_counter() - started) * 1000)
        calls = await baton.ledger.read(lambda tx: _model_seconds(tx, talk.id))
    models = [1000 * (a + b) for a, b in zip(calls[2::2], calls[3::2], strict=False)]
    return [
        Figure(metric="whole Baton turn (2 model calls, 1 write)", value=median(totals), unit="ms"),
        Figure(metric="  in the simulated model's calls", value=median(models), unit="ms"),
        Figure(metric="  in commits, on the writer's thread", value=1000 * commits.seconds / TURNS, unit="ms"),
        Figure(metric="  number of commits", value=commits.calls / TURNS, unit="a turn"),
        Figure(metric="  in reads, on the readers' threads", value=1000 * reads.seconds / TURNS, unit="ms"),
        Figure(metric="  number of reads", value=reads.calls / TURNS, unit="a turn"),
    ]


def _model_seconds(tx: Any, run: RunId) -> list[float]:
    from baton.ledger.schema import model_calls

    return tx.values(model_calls.select().with_only_columns(model_calls.c.seconds).where(model_calls.c.run == run))


async def growth(folder: Path) -> list[Figure]:
    """1,000 messages of 500 bytes in one run, each answered, on disk beside their raw bytes."""
    count, size = 1000, 500
    agent = Agent("bench", policy="allow-all", context_tokens=4000)
    path = folder / "growth.db"
    async with Baton(agents=[agent], database=path, mind=ScriptedMind([])) as baton:
        talk = await baton.converse()
        for number in range(count):
            await talk.message(f"{number:04} ".ljust(size, "x"))
            await talk.settled()
        assert (await talk.status()).turns == count, "not every message was answered"
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", _CHECKPOINT, str(path)], check=True)
    stored = await asyncio.to_thread(_stored, folder)
    return [
        Figure(metric="1,000 messages of 500 bytes, stored / raw", value=stored / count / size, unit="x", goal="<= 6")
    ]


def _stored(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("growth.db*"))


_CHECKPOINT = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA wal_checkpoint(TRUNCATE)')"


def in_folder(work: Callable[[Path], Awaitable[list[Figure]]]) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="baton-bench-"))
    try:
        return asyncio.run(work(folder))  # type: ignore[arg-type]
    finally:
        shutil.rmtree(folder)


def main() -> None:
    report("loop_speed", [figure for work in (super_steps, whole_turn, growth) for figure in in_folder(work)])


if __name__ == "__main__":
    main()
