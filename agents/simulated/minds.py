"""What a simulated model thinks with: a mind reads the whole conversation and answers it.

A mind keeps nothing between requests: the same request gets the same answer, whichever process asks, however
often, in whatever order. That is what lets a run be killed anywhere and go on.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

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
    """What a mind says: text, tool calls, or both.

    Attributes:
        text: Text for the reader; empty for none.
        calls: Tool calls made together.
        finish: The finish reason; None for `tool_calls` where there are calls, else `stop`.
        refusal: Why the model will not answer; None when it does.
    """

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
        return [text_of(message) for message in self.messages if message["role"] == "user"]

    @property
    def is_goal_run(self) -> bool:
        """Whether the conversation works on a goal: its first user message starts with `# Goal`."""
        return next(iter(self.user_texts()), "").startswith("# Goal")

    def turn_starts(self) -> list[int]:
        """Where the user's turns stand among the messages; user messages that start with `[` are Baton's notices."""
        return [
            position
            for position, message in enumerate(self.messages)
            if message["role"] == "user" and not text_of(message).startswith("[")
        ]

    def results(self) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Every answered tool call, oldest first: tool, arguments, and the text of its result."""
        calls: dict[str, tuple[str, dict[str, Any]]] = {}
        for message in self.messages:
            for call in message.get("tool_calls") or ():
                calls[call["id"]] = (call["function"]["name"], _arguments(call["function"]["arguments"]))
            if message["role"] == "tool" and message["tool_call_id"] in calls:
                yield *calls[message["tool_call_id"]], text_of(message)


class Mind(Protocol):
    """Answers a conversation, from its content alone."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next thing to say."""
        ...


def text_of(message: JsonObject) -> str:
    """The text of a message, whether its content is a string, a list of parts, or missing."""
    content: Any = message.get("content")
    if isinstance(content, list):
        return "\n".join(part.get("text") or "" for part in cast(list[dict[str, Any]], content))
    return content or ""


def _arguments(text: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
