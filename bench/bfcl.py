"""BFCL's 800 multi-turn tasks through Baton itself: the plug-in for the harness `bfcl_replay.py`.

Every task is one conversation. Its user turns arrive as messages, a scripted model speaks over loopback HTTP, each
call is judged by a Cedar policy and carried out through the effect ledger, and what is reported to the harness are the
rows of that ledger. In half of the tasks the calls of a turn come one at a time, in the others together.
"""

import asyncio
import tempfile
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import bfcl_replay
from bfcl_replay import Call, Instance, Task, Turn

from baton.agents import Agent, OpenAIModel, SimulatedServer
from baton.agents.simulated import Mind, ScriptedMind, SimulatedCall
from baton.app import Baton
from baton.core import RunId, ToolSpec
from baton.ledger import EffectState, Transaction, effects, journal

T = TypeVar("T")


def run(task: Task) -> list[list[Call]]:
    """Play one task; the calls that the ledger says were carried out, a list a turn."""
    return OFFICE.do(OFFICE.play(task))


@dataclass
class Office:
    """One Baton for all tasks, in an event loop of its own."""

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="bfcl", daemon=True).start()
        return loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    @cached_property
    def minds(self) -> dict[str, Mind]:
        return {}

    @cached_property
    def baton(self) -> Baton:
        return self.do(self._open())

    async def _open(self) -> Baton:
        folder = Path(tempfile.mkdtemp(prefix="bfcl-"))
        server = SimulatedServer(self.minds)
        await server.__aenter__()
        model = OpenAIModel(base_url=server.base_url, api_key="simulated", stream=False)
        nobody = Agent("nobody", policy="allow-all")
        return await Baton(agents=[nobody], database=folder / "bfcl.db", model=model).__aenter__()

    async def play(self, task: Task) -> list[list[Call]]:
        baton = self._opened or await self._remember_open()
        instance = bfcl_replay.new_instance(task)
        name = task.id.replace(".", "_")
        self.minds[name] = ScriptedMind(_script(task))
        baton.employ(_agent(name, task.turns[0], instance))
        conversation = await baton.converse(agent=name)
        done: list[list[Call]] = []
        before = 0
        for turn in task.turns:
            baton.employ(_agent(name, turn, instance))
            for text in turn.messages:
                await conversation.message(text)
            await conversation.settled()
            calls = await baton.ledger.read(lambda tx: _carried_out(tx, conversation.id))
            done.append(calls[before:])
            before = len(calls)
        del self.minds[name]
        return done

    _opened: Baton | None = None

    async def _remember_open(self) -> Baton:
        self._opened = await self._open()
        return self._opened


OFFICE = Office()


def _agent(name: str, turn: Turn, instance: Instance) -> Agent:
    """An agent with the tools that this turn offers."""
    tools = [_tool(schema, instance) for schema in turn.tools]
    return Agent(name, model=name, tools=tools, policy="allow-all", context_tokens=10_000_000)


def _tool(schema: dict[str, Any], instance: Instance) -> ToolSpec:
    def execute(**arguments: Any) -> str:
        return bfcl_replay.execute(instance, Call(schema["name"], arguments))

    return ToolSpec(
        name=schema["name"], description=schema["description"], parameters=schema["parameters"], run=execute
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


def _carried_out(tx: Transaction, run: RunId) -> list[Call]:
    """What the effect ledger says was done, in the order of the journal."""
    known = {effect.key: effect for effect in effects.of_run(tx, run)}
    proposed = [p.action for p in journal.proposals(tx, run)]
    finished = (EffectState.DONE, EffectState.FAILED)
    return [Call(a.tool, a.arguments) for a in proposed if a.id in known and known[a.id].state in finished]
