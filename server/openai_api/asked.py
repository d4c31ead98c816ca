"""What a request for a completion may say. What would have an effect that agents do not have is refused by name."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from baton.core import InvalidValue
from baton.server.shapes import Body, Id, Name

Text = Annotated[str, Field(max_length=1_000_000)]

NO_EFFECT = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "reasoning_effort",
    "verbosity",
    "service_tier",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
)
"""Taken, as most clients always send some of them, and of no effect: how an agent thinks is its project's matter."""


class TextPart(Body):
    """A part of a message; there are no others than text."""

    type: Literal["text"]
    text: Text


Content = Text | Annotated[list[TextPart], Field(min_length=1, max_length=100)]


class Turn(Body):
    """A message of the conversation as the client has it."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Content
    name: Name | None = None
    refusal: None = None
    annotations: Annotated[list[dict[str, str]], Field(max_length=0)] | None = None
    reasoning_content: Text | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class StreamOptions(Body):
    """How to stream."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class Metadata(Body):
    """The run that goes on; null begins a new one."""

    run: Id | None = None


class PlainText(Body):
    """Answers are text."""

    type: Literal["text"]


class Chat(Body):
    """A conversation, and who is to answer: `model` is an agent."""

    model: Name
    messages: Annotated[list[Turn], Field(min_length=1, max_length=1000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    metadata: Metadata | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    response_format: PlainText | None = None
    modalities: list[Literal["text"]] | None = None
    logprobs: Literal[False] | None = None
    store: Literal[False] | None = None
    tools: Annotated[list[dict[str, str]], Field(max_length=0)] | None = None
    tool_choice: Literal["none"] | None = None

    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: Name | None = None
    verbosity: Name | None = None
    service_tier: Name | None = None
    user: Name | None = None
    safety_identifier: Name | None = None
    prompt_cache_key: Name | None = None
    prompt_cache_retention: Name | None = None

    @model_validator(mode="after")
    def _ends_with_the_user(self) -> Self:
        if self.messages[-1].role != "user" or not self.messages[-1].text.strip():
            raise ValueError("messages: the last one is what the user says, of role user, and not empty")
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options: only with stream")
        return self

    @property
    def without_effect(self) -> list[str]:
        """The fields that it gives and that have none."""
        return [name for name in NO_EFFECT if getattr(self, name) is not None]

    def run(self, header: str | None) -> str | None:
        """The run that goes on, by the header or by `metadata`; None begins one.

        Raises:
            InvalidValue: if they name two.
        """
        named = self.metadata.run if self.metadata else None
        if header and named and header != named:
            raise InvalidValue("metadata.run", named, f"the run that the header X-Baton-Run names, {header}")
        return header or named

    def news(self) -> list[Turn]:
        """What the user has said since the last answer; what stands before it is on record already.

        Raises:
            InvalidValue: if somebody else has spoken since.
        """
        last = max((at for at, turn in enumerate(self.messages) if turn.role == "assistant"), default=-1)
        behind = self.messages[last + 1 :]
        said = behind if last >= 0 else behind[-1:]
        strange = next((turn.role for turn in said if turn.role != "user"), None)
        if strange is not None:
            raise InvalidValue("messages", strange, "messages of the user alone behind the last answer of a run")
        return said
