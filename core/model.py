"""The model as a port: a request in the shape of chat completions, and a reply."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

ChatMessage = dict[str, Any]
"""A message as chat completions know it: `role`, `content`, `tool_calls`, `tool_call_id`."""

Delta = Callable[[str], None]
"""Called with each piece of text as it streams in; pieces may be lost, the reply is not.

An empty piece says that the stream broke, and the text comes again from its start."""


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """One question to a model.

    Attributes:
        model: Name of the model at the endpoint.
        messages: The conversation.
        tools: Function tools on offer, as chat completions take them.
        seed: Makes a simulated model repeatable; a hint to others.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    tools: tuple[dict[str, Any], ...] = ()
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call as the model wrote it.

    Attributes:
        name: The tool, perhaps unknown.
        arguments: The raw text, perhaps not JSON.
        margin: Least log-probability margin between the chosen and the next token; None if not returned.
    """

    name: str
    arguments: str
    margin: float | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one model call."""

    prompt: int = 0
    completion: int = 0


@dataclass(frozen=True, kw_only=True)
class ModelReply:
    """What the model said.

    Attributes:
        text: Text for the reader; empty when there is none.
        calls: Tool calls in order.
        finish: `stop`, `tool_calls`, `length` or `content_filter`.
        refusal: The model's refusal; empty when it did not refuse.
        usage: Tokens used.
        seconds: How long the call took, retries included.
        attempts: Tries that were needed, from 1.
        instead: Where the answer came from, as the endpoint that was to be asked did not answer; empty where it did.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    refusal: str = ""
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    attempts: int = 1
    instead: str = ""


class Model(Protocol):
    """Answers requests; see agents/ for the client and the simulated model."""

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        """Ask once, retrying what is transient.

        Raises:
            ModelUnavailable: if the endpoint fails for now.
            ModelRefused: if it refuses for good.
        """
        ...
