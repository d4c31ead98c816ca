"""Answers in the shapes of OpenAI's chat completions. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.core import RunId, dump


@dataclass(frozen=True, kw_only=True)
class Head:
    """What every piece of an answer begins with.

    Attributes:
        id: Of the answer.
        created: Seconds since 1970.
        model: The agent's name.
        run: The run that answers.
    """

    id: str
    created: int
    model: str
    run: RunId

    def json(self, kind: str) -> dict[str, Any]:
        """It, for an object of this kind."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "metadata": {"run": self.run},
        }


def model_json(name: str) -> dict[str, Any]:
    """An agent as a model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "baton"}


def usage_json(tokens: Sequence[int]) -> dict[str, Any]:
    """What an answer has taken: prompt and completion tokens of all its model calls."""
    prompt, completion = tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion_json(head: Head, said: Mapping[str, str], tokens: Sequence[int]) -> dict[str, Any]:
    """A whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": said.get("content", ""), "refusal": None}
    if said.get("reasoning_content"):
        message["reasoning_content"] = said["reasoning_content"]
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return head.json("chat.completion") | {"choices": [choice], "usage": usage_json(tokens)}


def chunk(head: Head, delta: Mapping[str, Any], finish: str | None = None) -> str:
    """A piece of an answer as a server-sent event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return event(head.json("chat.completion.chunk") | {"choices": [choice]})


def usage_chunk(head: Head, tokens: Sequence[int]) -> str:
    """What the answer has taken, as the last piece of it."""
    none: list[object] = []
    return event(head.json("chat.completion.chunk") | {"choices": none, "usage": usage_json(tokens)})


def event(data: object) -> str:
    """A server-sent event."""
    return f"data: {dump(data)}\n\n"
