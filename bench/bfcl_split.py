"""BFCL's tasks, each split over two agents: the first hands parts of every turn to the second, and waits for them.

Where the calls of a turn come one at a time, the agents take turns; else each makes its half of them at once.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import bfcl_replay
from bfcl import Office, agent_of, carried_out, played
from bfcl_replay import Call, Task

from baton.agents.simulated import Answer, Conversation, ScriptedMind, SimulatedCall
from baton.core import RunId
from baton.handles import RunHandle
from baton.ledger import HandoffState, Transaction, handoffs, journal

Part = tuple[bool, Sequence[Call]]
"""Calls of a turn that are made one after the other, and whether the second agent makes them."""

_LOOK = 0.005


class SplitOffice(Office):
    """One Baton in which two agents work on every task."""

    async def play(self, task: Task) -> list[list[Call]]:
        """Play one task; the calls that the ledger says were carried out, a list a turn."""
        instance = bfcl_replay.new_instance(task)
        first, second = task.id, f"{task.id}-second"

        async def execute(name: str, _key: str, arguments: dict[str, Any]) -> str:
            return bfcl_replay.execute(instance, Call(name, arguments))

        async def employ(number: int) -> None:
            agent = agent_of(first, task, task.turns[number], execute)
            self._baton.employ(replace(agent, hands_off_to=[second]))
            self._baton.employ(replace(agent, name=second, model=second))

        self.minds[first], self.minds[second] = ScriptedMind(_script(task, second)), _Second(task)
        turns = await played(self._baton, task, first, employ, self._together, carried_out_together)
        del self.minds[first], self.minds[second]
        return turns

    async def _together(self, conversation: RunHandle) -> None:
        """Until the first agent waits for nothing of the second."""
        while True:
            await conversation.settled()
            made = await self._baton.ledger.read(lambda tx: handoffs.of_run(tx, conversation.id))
            if all(one.state is HandoffState.RETURNED for one in made):
                await conversation.settled()  # it has read what came back
                return
            await asyncio.sleep(_LOOK)


class _Second:
    """What the second agent does: the part that it was handed."""

    def __init__(self, task: Task) -> None:
        self._turns = [_parts(task, number) for number in range(len(task.turns))]

    def answer(self, conversation: Conversation) -> Answer:
        """The calls of its part, then that it is done."""
        said = re.search(r"part (\d+) of turn (\d+)", conversation.user_texts()[0])
        if said is None or any(conversation.results()):
            return Answer(text="done")
        _, calls = self._turns[int(said[2])][int(said[1])]
        return Answer(calls=tuple(_made(calls)))


def _script(task: Task, second: str) -> list[list[list[SimulatedCall]]]:
    """What the first agent does for each message."""
    script: list[list[list[SimulatedCall]]] = []
    for number, turn in enumerate(task.turns):
        script += [[] for _ in turn.messages[1:]]
        rounds: list[list[SimulatedCall]] = []
        for place, (handed, calls) in enumerate(_parts(task, number)):
            said = {"to": second, "task": f"Do part {place} of turn {number}."}
            rounds.append([SimulatedCall(name="hand_off", arguments=said)] if handed else list(_made(calls)))
        script.append(rounds)
    return script


def _parts(task: Task, number: int) -> list[Part]:
    """How a turn is split: the second agent begins in every other one, so that turns of one call are its own too."""
    calls, second = task.turns[number].calls, number % 2 == 1
    if int(task.id.rsplit("_", 1)[1]) % 2 == 0:
        return [((place % 2 == 1) != second, [call]) for place, call in enumerate(calls)]
    half = (len(calls) + 1) // 2
    return [(handed, part) for handed, part in ((second, calls[:half]), (not second, calls[half:])) if part]


def _made(calls: Sequence[Call]) -> list[SimulatedCall]:
    return [SimulatedCall(name=call.name, arguments=call.args) for call in calls]


def carried_out_together(run: RunId, tx: Transaction) -> list[Call]:
    """What was done by both, in order: what was handed on stands where it was handed on."""
    made = {one.action: one.child for one in handoffs.of_run(tx, run)}
    own = iter(carried_out(run, tx))
    found: list[Call] = []
    for proposal in journal.proposals(tx, run):
        child = made.get(proposal.action.id)
        if child is not None:
            found += carried_out(child, tx)
        elif proposal.action.tool != "hand_off":
            found.append(next(own))
    return found


@cache
def _office() -> SplitOffice:
    return SplitOffice()


def split(task: Task) -> list[list[Call]]:
    """Play one task with two agents; the calls that the ledger says were carried out, a list a turn."""
    return _office().do(_office().play(task))
