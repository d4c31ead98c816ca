"""Policy as a port: what is asked, and who answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from baton.core.actions import Action, Verdict
from baton.core.labels import Label, Marks
from baton.core.tools import ToolSpec


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One thing that a run has read, for tracing where an argument came from.

    Attributes:
        source: `message:…`, `attachment:NAME` or, for a tool's result, the tool's name.
        content: Text, or the tool's result as JSON values.
        label: Its trust and confidentiality.
        marks: Fields of a tool's result with labels of their own.
        given: The arguments of the write that it is the result of, or of the call that failed: what comes back of
            them proves nothing. None for all else.
    """

    source: str
    content: Any
    label: Label
    marks: Marks = field(default_factory=Marks)
    given: Mapping[str, Any] | None = None


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
        plan: Tools that a plan names which was made before anything below a user's trust was read, each as often as
            it is meant to be called.
    """

    action: Action
    tool: ToolSpec
    readings: tuple[Reading, ...] = ()
    requester: str | None = None
    now: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    plan: tuple[str, ...] = ()


class Policy(Protocol):
    """Judges actions. Answers with a verdict always; what goes wrong inside is a deny that says so."""

    @property
    def version(self) -> str:
        """Name and content hash."""
        ...

    def judge(self, question: Question) -> Verdict:
        """Say allow, ask or deny, and why. Never raises."""
        ...
