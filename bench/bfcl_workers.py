"""BFCL's tasks on Postgres: two workers share the conversations, and one of them is killed in the middle of each task.

The tools live here, outside the workers, as the systems of the world do; they honour keys: a call whose key is known is
answered and not executed again. Each task has one fatal call. Whoever makes it is killed with SIGKILL, in half of the
tasks before the tool has done anything, in the others when it is done and nobody has been told.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the server is that of the tests

import bfcl_replay
from bfcl_replay import Call, Instance, Task

from baton.agents import Agent
from baton.app import Baton
from baton.graph import advance, jobs
from baton.ledger import wakes
from support.postgres import postgres_server

WORKERS = 2
SLOTS = 4
"""Tasks at once, each by an agent of its own."""

LEASE = 1.0
SILENCE = 0.8

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "baton.graph.jobs", "bfcl_replay"])


@dataclass
class Playing:
    """A task that is played.

    Attributes:
        turn: The turn that it is in.
        fatal: The number of the call at which the caller is killed; None once that has happened, or for never.
        early: Whether the caller dies before the tool has done anything.
        results: Of the calls so far, by key.
    """

    task: Task
    instance: Instance
    fatal: int | None
    early: bool
    turn: int = 0
    results: dict[str, str] = field(default_factory=dict[str, str])


class Workers:
    """Two workers and the tools that they call.

    Attributes:
        kills: How many tasks have had their worker killed.
    """

    def __init__(self, model: str, *, kills: bool) -> None:
        self.kills = 0
        self._model, self._killing = model, kills
        self._playing: dict[str, Playing] = {}
        self._free: asyncio.Queue[str] = asyncio.Queue()
        self._lines: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._news = asyncio.Lock()
        self._processes: list[ForkServerProcess | None] = [None] * WORKERS
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> str:
        """Start the server, the tools and the workers; the record's URL."""
        self._url = self._stack.enter_context(postgres_server()).database()
        tools = await asyncio.start_server(self._serve, "127.0.0.1")
        self._port: int = tools.sockets[0].getsockname()[1]
        async with Baton(database=self._url, dispatch=False):
            pass
        for number in range(SLOTS):
            self._free.put_nowait(f"slot{number}")
        self._keeping = asyncio.create_task(self._keep_up())
        return self._url

    async def close(self) -> None:
        """End the workers and the server."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        for process in self._processes:
            if process is not None:
                process.kill()
                await asyncio.to_thread(process.join)
        await self._stack.aclose()

    async def begin(self, task: Task) -> str:
        """A free agent for a task."""
        slot = await self._free.get()
        chance = random.Random(task.id)
        calls = sum(len(turn.calls) for turn in task.turns)
        fatal = chance.randrange(calls) if self._killing and calls else None
        instance = bfcl_replay.new_instance(task)
        self._playing[slot] = Playing(task, instance, fatal, chance.random() < 0.5)
        return slot

    async def turn(self, slot: str, number: int) -> None:
        """Have every worker know the tools of a turn, before anybody speaks."""
        self._playing[slot].turn = number
        async with self._news:
            for pid, (reader, writer) in list(self._lines.items()):
                try:
                    await _send(writer, self._state())
                    await _receive(reader)
                except (ConnectionError, EOFError):
                    self._lines.pop(pid, None)

    def end(self, slot: str) -> None:
        """Give the agent free."""
        self._free.put_nowait(slot)

    def _state(self) -> dict[str, Any]:
        return {slot: [playing.task.id, playing.turn] for slot, playing in self._playing.items()}

    async def _keep_up(self) -> None:
        """Start every worker again that has died."""
        while True:
            for number, process in enumerate(self._processes):
                if process is None or process.exitcode is not None:
                    begun = PROCESSES.Process(target=work, args=(self._url, self._model, self._port), daemon=True)
                    await asyncio.to_thread(begun.start)
                    self._processes[number] = begun
            await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A worker says hello on one connection, and calls a tool on each of the others."""
        with contextlib.suppress(ConnectionError, EOFError):
            said = await _receive(reader)
            if "hello" in said:
                async with self._news:
                    await _send(writer, self._state())
                    await _receive(reader)
                    self._lines[said["hello"]] = (reader, writer)
                return
            result = self._call(**said)
            if result is not None:
                await _send(writer, {"result": result})
            writer.close()

    def _call(self, slot: str, name: str, arguments: dict[str, Any], key: str, pid: int) -> str | None:
        """What a tool answers; None to a caller that was killed."""
        playing = self._playing[slot]
        fatal = playing.fatal is not None and len(playing.results) == playing.fatal and key not in playing.results
        if fatal and playing.early:
            return self._kill(playing, pid)
        if key not in playing.results:
            playing.results[key] = bfcl_replay.execute(playing.instance, Call(name, arguments))
        return self._kill(playing, pid) if fatal else playing.results[key]

    def _kill(self, playing: Playing, pid: int) -> None:
        if pid in [process.pid for process in self._processes if process is not None]:
            os.kill(pid, signal.SIGKILL)
            playing.fatal = None
            self.kills += 1


def work(url: str, model: str, port: int) -> None:
    """Work until somebody ends the process; the main function of a worker."""
    logging.disable(logging.CRITICAL)  # that workers die and jobs go to others is no news here
    os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = model, "simulated"
    advance.LEASE_SECONDS = LEASE
    jobs.POLL_SECONDS = jobs.TEND_SECONDS = 0.2
    wakes.SILENT_SECONDS, wakes.HEARTBEAT_SECONDS = SILENCE, SILENCE / 4
    with contextlib.suppress(ConnectionError, EOFError):
        asyncio.run(_work(url, port))


async def _work(url: str, port: int) -> None:
    from bfcl import agent_of  # not at the top: it imports this module

    tasks = {task.id: task for category in bfcl_replay.CATEGORIES for task in bfcl_replay.load_tasks(category)}
    idle = [Agent(f"slot{number}", policy="allow-all") for number in range(SLOTS)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _send(writer, {"hello": os.getpid()})

    async def call(slot: str, name: str, key: str, arguments: dict[str, Any]) -> str:
        asked, asking = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        said = {"slot": slot, "name": name, "arguments": arguments, "key": key, "pid": os.getpid()}
        await _send(asking, said)
        result: str = (await _receive(asked))["result"]
        asking.close()
        return result

    def agents(state: dict[str, Any]) -> list[Agent]:
        return [
            agent_of(slot, tasks[task], tasks[task].turns[turn], partial(call, slot))
            for slot, (task, turn) in state.items()
        ]

    known = {agent.name: agent for agent in (*idle, *agents(await _receive(reader)))}
    async with Baton(agents=list(known.values()), database=url, concurrency=SLOTS) as baton:
        while True:
            await _send(writer, {})
            for agent in agents(await _receive(reader)):
                baton.employ(agent)


async def _send(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    writer.write(json.dumps(value).encode() + b"\n")
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    value: dict[str, Any] = json.loads(line)
    return value
