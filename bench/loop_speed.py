"""Where a whole turn's time goes, and how much a conversation grows. For super-steps see at_once.py."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from report import Figure, median, report

from baton.agents import Agent, tool
from baton.agents.simulated import ScriptedMind, SimulatedCall
from baton.app import Baton
from baton.core import RunId
from baton.ledger import readers, writers

TURNS = 40


@tool(effect="write")
async def ping(text: str) -> str:
    """Answer."""
    return text


class Spent:
    """Seconds spent inside a method, in whichever thread it runs, and how often it was called."""

    def __init__(self, owner: type, name: str) -> None:
        self.seconds, self.calls = 0.0, 0
        inner = getattr(owner, name)

        def timed(thing: Any, *arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return inner(thing, *arguments, **named)
            finally:
                self.seconds += time.perf_counter() - started
                self.calls += 1

        setattr(owner, name, timed)

    def reset(self) -> None:
        self.seconds, self.calls = 0.0, 0


async def whole_turn(folder: Path) -> list[Figure]:
    """A conversation's turn with one write: message, two model calls, policy, effect, answer."""
    script = [[[SimulatedCall(name="ping", arguments={"text": "hello"})]]] * 200
    agent = Agent("bench", tools=[ping], policy="allow-all", context_tokens=10_000_000)
    commits, reads = Spent(writers._Batch, "run"), Spent(readers.Readers, "_answer")
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
    agent = Agent("bench", policy="allow-all", context_tokens=16_000)
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
    report("loop_speed", [figure for work in (whole_turn, growth) for figure in in_folder(work)])


if __name__ == "__main__":
    main()
