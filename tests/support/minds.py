"""Minds of a few lines."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from baton.agents.simulated import Answer, Conversation, Mind, Round, ScriptedMind, SimulatedCall
from baton.agents.simulated.wire import request_digest


class Says:
    """A mind that is a function."""

    def __init__(self, answer: Callable[[Conversation], Answer]) -> None:
        self._answer = answer

    def answer(self, conversation: Conversation) -> Answer:
        return self._answer(conversation)


class CountingMind:
    """Counts how often each request was asked, and passes it on."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self.asked: Counter[str] = Counter()

    def answer(self, conversation: Conversation) -> Answer:
        self.asked[request_digest(conversation.body)] += 1
        return self._mind.answer(conversation)


def call(tool: str, /, **arguments: Any) -> SimulatedCall:
    """One tool call."""
    return SimulatedCall(name=tool, arguments=arguments)


def calls(*made: SimulatedCall) -> Answer:
    """An answer of calls made together."""
    return Answer(calls=made)


def script(*rounds: Round) -> ScriptedMind:
    """Plays rounds of calls after the goal, then says "done"."""
    return ScriptedMind([rounds])
