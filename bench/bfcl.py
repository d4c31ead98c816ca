"""BFCL's 800 multi-turn tasks through Baton itself: the plug-in for the harness `bfcl_replay.py`.

Run it as a script with the harness's folder on PYTHONPATH (`make conformance`), or give it to the harness:
`python bfcl_replay.py --plugin bench.bfcl:run`.

Every task is one conversation. Its user turns arrive as messages, a scripted model speaks over loopback HTTP, each
call is judged by a Cedar policy and carried out through the effect ledger, and what is reported to the harness are the
rows of that ledger. In half of the tasks the calls of a turn come one at a time, in the others together.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import bfcl_replay
from bfcl_replay import Call, Task, Turn
from bfcl_workers import SLOTS, Workers

from baton.agents import Agent, OpenAIModel, SimulatedServer
from baton.agents.simulated import Mind, ScriptedMind, SimulatedCall
from baton.app import Baton
from baton.core import Fault, RunId, ToolSpec
from baton.handles import RunHandle
from baton.ledger import EffectState, Transaction, effects, journal

T = TypeVar("T")

Execute = Callable[[str, str, dict[str, Any]], Awaitable[str]]
"""Carries out a call: a tool's name, the idempotency key, the arguments."""


def run(task: Task) -> list[list[Call]]:
    """Play one task; the calls that the ledger says were carried out, a list a turn."""
    return office().do(office().play(task))


class Office:
    """One Baton for all tasks, in an event loop of its own."""

    def __init__(self) -> None:
        self.minds: dict[str, Mind] = {}
        self.released = 0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="bfcl", daemon=True).start()
        self._baton = self.do(self._open())

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> Baton:
        folder = Path(tempfile.mkdtemp(prefix="bfcl-"))
        server = await SimulatedServer(self.minds).__aenter__()
        model = OpenAIModel(base_url=server.base_url, api_key="simulated", stream=False)
        agents = [Agent("nobody", policy="allow-all")]
        return await Baton(agents=agents, database=folder / "bfcl.db", model=model).__aenter__()

    async def play(self, task: Task) -> list[list[Call]]:
        instance = bfcl_replay.new_instance(task)

        async def execute(name: str, _key: str, arguments: dict[str, Any]) -> str:
            return bfcl_replay.execute(instance, Call(name, arguments))

        async def employ(number: int) -> None:
            self._baton.employ(agent_of(task.id, task, task.turns[number], execute))

        self.minds[task.id] = ScriptedMind(_script(task))
        turns = await played(self._baton, task, task.id, employ)
        del self.minds[task.id]
        return turns


class SharedOffice:
    """Two workers on Postgres for all tasks, several at once; with `kills`, one of them is killed in every task.

    Attributes:
        released: How often a run was parked for the workers that it lost, and let go on.
    """

    def __init__(self, *, kills: bool) -> None:
        self.minds: dict[str, Mind] = {}
        self.released = 0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="bfcl", daemon=True).start()
        self.workers, self._baton = self.do(self._open(kills))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, kills: bool) -> tuple[Workers, Baton]:
        server = await SimulatedServer(self.minds).__aenter__()
        workers = Workers(server.base_url, kills=kills)
        url = await workers.open()
        agents = [Agent(f"slot{number}", policy="allow-all") for number in range(SLOTS)]
        return workers, await Baton(agents=agents, database=url, dispatch=False).__aenter__()

    async def close(self) -> None:
        await self._baton.__aexit__(None, None, None)
        await self.workers.close()

    async def play(self, task: Task) -> list[list[Call]]:
        self.minds[task.id] = ScriptedMind(_script(task))
        slot = await self.workers.begin(task)
        turns = await played(self._baton, task, slot, partial(self.workers.turn, slot), self._settled)
        self.workers.end(slot)
        return turns

    async def _settled(self, conversation: RunHandle) -> None:
        """Wait; be the person who lets a run go on that was parked because its workers died for other tasks' kills."""
        await conversation.settled()
        while any(dead.run.id == conversation.id for dead in await self._baton.dead(fault=Fault.POISONED)):
            self.released += 1
            await self._baton.retry(conversation.id, by="replay")
            await conversation.settled()


async def played(
    baton: Baton,
    task: Task,
    agent: str,
    employ: Callable[[int], Awaitable[None]],
    settled: Callable[[RunHandle], Awaitable[object]] = RunHandle.settled,
    done_by: Callable[[RunId, Transaction], list[Call]] | None = None,
) -> list[list[Call]]:
    """Hold the conversation of a task: a list of calls a turn, as the ledger says."""
    await employ(0)
    conversation = await baton.converse(agent=agent)
    done: list[Call] = []
    turns: list[list[Call]] = []
    for number, turn in enumerate(task.turns):
        await employ(number)
        for text in turn.messages:
            await conversation.message(text)
        await settled(conversation)
        calls = await baton.ledger.read(partial(done_by or carried_out, conversation.id))
        turns.append(calls[len(done) :])
        done = calls
    return turns


@cache
def office() -> Office:
    return Office()


def agent_of(name: str, task: Task, turn: Turn, execute: Execute) -> Agent:
    """An agent with the tools that this turn offers.

    One of BFCL's tasks holds a tool back and yet has it called in its ground truth: what is called is offered too.
    """
    called = {call.name for call in turn.calls}
    known = {schema["name"]: schema for each in task.turns for schema in each.tools}
    offered = {schema["name"]: schema for schema in turn.tools}
    offered |= {tool: schema for tool, schema in known.items() if tool in called}
    tools = [_tool(schema, execute) for schema in offered.values()]
    return Agent(name, model=task.id, tools=tools, policy="allow-all", context_tokens=10_000_000)


def _tool(schema: dict[str, Any], execute: Execute) -> ToolSpec:
    """A tool of BFCL's, without the types that its docs declare: some of its ground truth does not fit them."""

    async def run(*, key: str, **arguments: Any) -> str:
        return await execute(schema["name"], key, arguments)

    untyped = {
        name: {"description": about.get("description", "")}
        for name, about in schema["parameters"]["properties"].items()
    }
    parameters = {"type": "object", "properties": untyped, "required": schema["parameters"].get("required", [])}
    return ToolSpec(
        name=schema["name"],
        description=schema["description"],
        parameters=parameters,
        run=run,
        wants_key=True,
        repeatable=True,
    )


def _script(task: Task) -> list[list[list[SimulatedCall]]]:
    """For each user message the rounds of calls that answer it."""
    one_by_one = int(task.id.rsplit("_", 1)[1]) % 2 == 0
    script: list[list[list[SimulatedCall]]] = []
    for turn in task.turns:
        script += [[] for _ in turn.messages[1:]]
        calls = [SimulatedCall(name=call.name, arguments=call.args) for call in turn.calls]
        script.append([[call] for call in calls] if one_by_one else [calls] if calls else [])
    return script


def carried_out(run: RunId, tx: Transaction) -> list[Call]:
    """What the effect ledger says was done, in the order of the journal."""
    known = {effect.key: effect for effect in effects.of_run(tx, run)}
    proposed = [p.action for p in journal.proposals(tx, run)]
    finished = (EffectState.DONE, EffectState.FAILED)
    return [Call(a.tool, a.arguments) for a in proposed if a.id in known and known[a.id].state in finished]


@dataclass
class Tally:
    """What came of the tasks of one category."""

    tasks: int = 0
    calls: int = 0
    valid: int = 0
    ledger: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list[str])


def measure(category: str, stride: int, play: Callable[[Task], list[list[Call]]], at_once: int) -> Tally:
    """Play every `stride`-th task of a category and let BFCL's own checker and the harness's count judge it."""
    tally = Tally()
    tasks = list(islice(bfcl_replay.load_tasks(category), 0, None, stride))
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        played = list(threads.map(play, tasks))
    tally.seconds = time.perf_counter() - started
    for task, executed in zip(tasks, played, strict=True):
        valid, complaint = bfcl_replay.check(task, executed)
        deviation = bfcl_replay.ledger(task, executed)
        tally.tasks += 1
        tally.calls += sum(len(calls) for calls in executed)
        tally.valid += valid
        tally.ledger += not deviation
        if complaint or deviation:
            tally.problems.append(f"{task.id}: {complaint or deviation}")
    return tally


def main() -> None:
    from report import Figure, report  # beside this script; as a plug-in of the harness it is not needed

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--stride", type=int, default=1, help="play every STRIDE-th task; 13 plays 64")
    parser.add_argument("--postgres", action="store_true", help="on Postgres, shared by two workers")
    parser.add_argument("--kills", action="store_true", help="on Postgres, with a worker killed in every task")
    parser.add_argument("--split", action="store_true", help="each task over two agents, by hand-offs")
    given = parser.parse_args()
    if given.split and (given.postgres or given.kills):
        parser.error("--split is played in one process, on a file")
    shared = SharedOffice(kills=given.kills) if given.postgres or given.kills else None
    play = (lambda task: shared.do(shared.play(task))) if shared else run
    if given.split:
        from bfcl_split import split as play
    print(f"{'category':14} {'tasks':>6} {'calls':>6} {'valid':>6} {'ledger':>6} {'s':>7}")
    tallies = []
    for category in bfcl_replay.CATEGORIES:
        tally = measure(category, given.stride, play, SLOTS if shared else 1)
        tallies.append(tally)
        row = f"{category:14} {tally.tasks:6} {tally.calls:6} {tally.valid:6} {tally.ledger:6} {tally.seconds:7.1f}"
        print(row, *tally.problems, sep="\n  ", flush=True)
    total = sum(tally.tasks for tally in tallies)
    valid, ledger = sum(tally.valid for tally in tallies), sum(tally.ledger for tally in tallies)
    figures = [
        Figure(metric="tasks valid under BFCL's checker", value=valid, unit=f"of {total}", goal=f">= {total}"),
        Figure(metric="tasks carried out exactly once, in order", value=ledger, unit=f"of {total}", goal=f">= {total}"),
    ]
    killed = total
    if given.kills and shared:
        killed = shared.workers.kills
        figures.append(Figure(metric="tasks with a kill -9", value=killed, unit=f"of {total}", goal=f">= {total}"))
        print(f"{shared.released} times a run had lost three workers in a row, and a person let it go on")
    if shared:
        shared.do(shared.close())
    report("bfcl_split" if given.split else "bfcl", figures)
    sys.exit(0 if valid == ledger == killed == total else 1)


if __name__ == "__main__":
    main()
