"""What requests of LangGraph's API may say. What would have an effect that agents do not have is refused by name."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, StringConstraints, TypeAdapter, model_validator

from baton.core import InvalidValue
from baton.server.shapes import Body, Id, Name

Text = Annotated[str, Field(max_length=1_000_000)]
ThreadId = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,100}$")]
Metadata = dict[Name, Any]
Empty = Annotated[dict[str, Any], Field(max_length=0)]
Nothing = Annotated[list[Any], Field(max_length=0)]
Count = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, lt=2**31)]

Mode = Literal["values", "updates", "messages", "messages-tuple", "custom"]
Status = Literal["idle", "busy", "interrupted", "error"]


_MODES = TypeAdapter(list[Mode])


def read_modes(given: Sequence[str]) -> frozenset[str]:
    """Modes as an address has them: one a value, or all in one as JSON.

    Raises:
        InvalidValue: if there is no such mode.
    """
    try:
        said = [mode for one in given for mode in (json.loads(one) if one.startswith("[") else [one])]
        return frozenset(_MODES.validate_python(said))
    except (ValueError, RecursionError) as error:
        raise InvalidValue("stream_mode", ", ".join(given), f"some of: {', '.join(get_args(Mode))}") from error


class Block(Body):
    """A part of a message; there are no others than text."""

    type: Literal["text"]
    text: Text
    id: Name | None = None


class ToolCall(Body):
    """A call of an earlier answer, as a client has it."""

    name: Name
    args: dict[str, Any] = Field(default_factory=dict)
    id: Name | None = None
    type: Name | None = None


class GivenMessage(Body):
    """A message as LangChain writes it, or as OpenAI does: with `type`, or with `role`."""

    type: Name | None = None
    role: Name | None = None
    content: Text | Annotated[list[Block | Text], Field(max_length=100)]
    id: Name | None = None
    name: Name | None = None
    additional_kwargs: Metadata = Field(default_factory=dict)
    response_metadata: Metadata = Field(default_factory=dict)
    example: bool = False
    status: Name | None = None
    tool_call_id: Name | None = None
    artifact: None = None
    tool_calls: Annotated[list[ToolCall], Field(max_length=100)] = Field(default_factory=list[ToolCall])
    invalid_tool_calls: Annotated[list[Any], Field(max_length=100)] = Field(default_factory=list)
    usage_metadata: Metadata | None = None

    @property
    def kind(self) -> str:
        """Who says it: human, ai, system or tool; or what is not known."""
        said = self.type or self.role or ""
        return _KINDS.get(said, said)

    @property
    def text(self) -> str:
        """What it says."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part if isinstance(part, str) else part.text for part in self.content)

    @model_validator(mode="after")
    def _somebody_says_it(self) -> Self:
        if self.kind not in _KINDS.values():
            raise ValueError(f"type {self.kind!r} is not allowed: give human, ai, system or tool")
        return self


_KINDS = {
    "human": "human",
    "user": "human",
    "HumanMessage": "human",
    "ai": "ai",
    "assistant": "ai",
    "AIMessage": "ai",
    "AIMessageChunk": "ai",
    "system": "system",
    "developer": "system",
    "SystemMessage": "system",
    "tool": "tool",
    "ToolMessage": "tool",
}


class Input(Body):
    """What is said to an agent. Its state is its messages, and nothing else can be put into it."""

    messages: Annotated[list[GivenMessage], Field(min_length=1, max_length=1000)] | GivenMessage | Text

    @property
    def all(self) -> list[GivenMessage]:
        """The messages, one or several."""
        if isinstance(self.messages, str):
            return [GivenMessage(type="human", content=self.messages)]
        return [self.messages] if isinstance(self.messages, GivenMessage) else self.messages


class Command(Body):
    """A person's answer to what is asked; it goes the way of every decision."""

    resume: Any = None
    goto: Nothing | None = None
    update: None = None
    graph: None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.resume is None:
            raise ValueError("resume is missing: an agent is not told where to go, only what a person decides")
        return self


class Configurable(Body):
    """What may be set: nothing. A graph that has an agent as a node says here that it goes on after a question."""

    resuming: bool | None = Field(default=None, alias="__pregel_resuming")
    thread_id: ThreadId | None = None


class Config(Body):
    """How to run: of an agent, nothing of it has an effect."""

    recursion_limit: int | None = None
    tags: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)
    configurable: Configurable | None = None


class GivenCheckpoint(Body):
    """A state that a client has seen."""

    thread_id: ThreadId | None = None
    checkpoint_ns: Literal[""] | None = None
    checkpoint_id: Name | None = None
    checkpoint_map: Empty | None = None


class NewExchange(Body):
    """A run, as LangGraph has it: something is said, or a question answered."""

    assistant_id: Name
    input: Input | None = None
    command: Command | None = None
    metadata: Metadata = Field(default_factory=dict)
    config: Config | None = None
    context: Empty | None = None
    checkpoint: GivenCheckpoint | None = None
    checkpoint_id: Name | None = None
    stream_mode: Mode | Annotated[list[Mode], Field(min_length=1, max_length=10)] = "values"
    stream_subgraphs: bool = False
    stream_resumable: bool = True
    multitask_strategy: Literal["enqueue", "reject", "interrupt"] | None = None
    if_not_exists: Literal["create", "reject"] | None = None
    on_disconnect: Literal["continue"] | None = None
    on_completion: Literal["keep"] | None = None
    durability: Literal["sync", "async", "exit"] | None = None
    checkpoint_during: bool | None = None
    strict_resume: bool | None = None
    interrupt_before: Nothing | None = None
    interrupt_after: Nothing | None = None
    feedback_keys: Nothing | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.input is None) == (self.command is None):
            raise ValueError("give input, which is said to the agent, or command, which answers a question")
        return self

    @property
    def modes(self) -> frozenset[str]:
        """What is to be streamed."""
        return frozenset([self.stream_mode] if isinstance(self.stream_mode, str) else self.stream_mode)

    @property
    def seen(self) -> str | None:
        """The state that the client goes on from; None is the newest."""
        return self.checkpoint_id or (self.checkpoint.checkpoint_id if self.checkpoint else None)


class NewThread(Body):
    """A thread in which nothing was said yet."""

    thread_id: ThreadId | None = None
    metadata: Metadata = Field(default_factory=dict)
    if_exists: Literal["raise", "do_nothing"] | None = None


class Patch(Body):
    """Metadata to add to a thread's, or to replace."""

    metadata: Metadata


class ThreadSearch(Body):
    """Which threads to list."""

    metadata: Metadata = Field(default_factory=dict)
    ids: Annotated[list[ThreadId], Field(max_length=1000)] | None = None
    status: Status | None = None
    limit: Count = 10
    offset: Offset = 0
    sort_by: Literal["created_at", "updated_at"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"


class AssistantSearch(Body):
    """Which agents to list."""

    metadata: Metadata = Field(default_factory=dict)
    graph_id: Name | None = None
    name: Name | None = None
    limit: Count = 10
    offset: Offset = 0
    sort_by: Literal["assistant_id", "name", "graph_id", "created_at", "updated_at"] = "name"
    sort_order: Literal["asc", "desc"] = "asc"


class StateWanted(Body):
    """Which state of a thread."""

    checkpoint: GivenCheckpoint
    subgraphs: bool = False


class StateUpdate(Body):
    """The one change of a thread's state that there is: to end it."""

    values: None = None
    as_node: Literal["__end__"]
    checkpoint: GivenCheckpoint | None = None
    checkpoint_id: Id | None = None


class HistoryWanted(Body):
    """Which states of a thread, the newest first."""

    limit: Count = 10
    before: GivenCheckpoint | Name | None = None
    metadata: Empty = Field(default_factory=dict)
    checkpoint: GivenCheckpoint | None = None
