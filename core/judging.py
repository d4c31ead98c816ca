"""Policy as a port: what is asked, and who answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from baton.core.actions import Action, Verdict
from baton.core.labels import Label
from baton.core.tools import ToolSpec


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One thing that a run has read, for tracing where an argument came from.

    Attributes:
        source: `message:…`, `attachment:NAME` or, for a tool's result, the tool's name.
        content: Text, or the tool's result as JSON values.
        label: Its trust.
    """

    source: str
    content: Any
    label: Label


@dataclass(frozen=True, kw_only=True)
class Question:
    """May this action happen?

    Attributes:
        action: The proposed call.
        tool: The tool it calls.
        readings: Everything the run has read so far, oldest first.
        requester: Who asked for the goal.
        now: Seconds since 1970.
        counts: How often this run has carried out each tool.
    """

    action: Action
    tool: ToolSpec
    readings: tuple[Reading, ...] = ()
    requester: str | None = None
    now: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])


class Policy(Protocol):
    """Judges actions. Answers with a verdict always; what goes wrong inside is a deny that says so."""

    @property
    def version(self) -> str:
        """Name and content hash."""
        ...

    def judge(self, question: Question) -> Verdict:
        """Say allow, ask or deny, and why. Never raises."""
        ...
