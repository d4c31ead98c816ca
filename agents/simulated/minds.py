"""What a simulated model thinks with: a mind reads the whole conversation and answers it.

A mind keeps nothing between requests: the same request gets the same answer, whichever process asks, however
often, in whatever order. That is what lets a run be killed anywhere and go on.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SimulatedCall:
    """A tool call that a mind makes.

    Attributes:
        name: The tool.
        arguments: Its arguments; a string is sent as it is, for testing malformed JSON.
        confidence: 0 to 1, sent along as `_confidence`; None sends none.
        reason: Sent along as `_reason`.
    """

    name: str
    arguments: dict[str, Any] | str
    confidence: float | None = 0.95
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a mind says: text, tool calls, or both."""

    text: str = ""
    calls: tuple[SimulatedCall, ...] = ()
    finish: str | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Conversation:
    """A chat-completions request, with the questions that minds ask of it."""

    body: JsonObject = field(repr=False)

    @property
    def messages(self) -> list[JsonObject]:
        """All messages, oldest first."""
        return list(self.body.get("messages", ()))

    @property
    def tools(self) -> dict[str, JsonObject]:
        """The function tools on offer, by name: the `function` objects."""
        return {tool["function"]["name"]: tool["function"] for tool in self.body.get("tools") or ()}

    def user_texts(self) -> list[str]:
        """What user messages say, oldest first."""
        return [str(message.get("content") or "") for message in self.messages if message["role"] == "user"]

    def results(self) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Every answered tool call, oldest first: tool, arguments, and the text of its result."""
        calls: dict[str, tuple[str, dict[str, Any]]] = {}
        for message in self.messages:
            for call in message.get("tool_calls") or ():
                calls[call["id"]] = (call["function"]["name"], _arguments(call["function"]["arguments"]))
            if message["role"] == "tool" and message["tool_call_id"] in calls:
                yield *calls[message["tool_call_id"]], str(message["content"])


class Mind(Protocol):
    """Answers a conversation, from its content alone."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next thing to say."""
        ...


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
