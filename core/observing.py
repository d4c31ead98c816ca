"""What is told to whoever watches how runs go, such as traces and metrics: a port; nothing of a run rests on it."""

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from baton.core.ids import ReviewId, RunId
from baton.core.model import ModelReply, ModelRequest


@dataclass(frozen=True, kw_only=True)
class Course:
    """A run, as far as it has come.

    Attributes:
        conversation: Shared by the runs that continue one another.
        parent: The run that handed this work over; None at the top.
        began: When it was asked for, in seconds since 1970.
        ended: When it ended; None while it goes on.
    """

    run: RunId
    agent: str
    conversation: str
    parent: RunId | None
    began: float
    ended: float | None
    status: str


@dataclass(frozen=True, kw_only=True)
class Waited:
    """A question to people that is over; times in seconds since 1970."""

    run: RunId
    review: ReviewId
    kind: str
    tool: str
    opened: float
    closed: float
    decision: str
    source: str


class Observer(Protocol):
    """Is told of what happens while it happens, and must not raise.

    What the contexts give is called with what came of it; where it is not called, nothing did.
    """

    @property
    def follows(self) -> bool:
        """Whether it wants `advancing`, `waited` and `ended`, for which the record has to be read."""
        ...

    def advancing(self, course: Course) -> AbstractContextManager[None]:
        """A worker advances a run."""
        ...

    def calling(
        self, tool: str, action: str, arguments: Mapping[str, Any]
    ) -> AbstractContextManager[Callable[[str], None]]:
        """A tool is called, its tries included; what it returned is told as the model is."""
        ...

    def asking(self, request: ModelRequest) -> AbstractContextManager[Callable[[ModelReply], None]]:
        """A model is asked, its tries included."""
        ...

    def waited(self, wait: Waited) -> None:
        """A run goes on from a question; the process that asked it may have been another."""
        ...

    def ended(self, course: Course) -> None:
        """A run has ended. Told once more where its end is written once more."""
        ...

    def lived(self, run: RunId, began: float, ended: float, parts: Mapping[str, float]) -> None:
        """What a run's time went on, a little after its end: seconds by name, which are all of it."""
        ...

    def close(self) -> None:
        """Send what is still to be sent, within a few seconds."""
        ...


class Unobserved:
    """Nobody watches."""

    follows = False

    def advancing(self, course: Course) -> AbstractContextManager[None]:
        """Nothing."""
        return contextlib.nullcontext()

    def calling(
        self, tool: str, action: str, arguments: Mapping[str, Any]
    ) -> AbstractContextManager[Callable[[str], None]]:
        """Nothing."""
        return _UNTOLD

    def asking(self, request: ModelRequest) -> AbstractContextManager[Callable[[ModelReply], None]]:
        """Nothing."""
        return _UNTOLD

    def waited(self, wait: Waited) -> None:
        """Nothing."""

    def ended(self, course: Course) -> None:
        """Nothing."""

    def lived(self, run: RunId, began: float, ended: float, parts: Mapping[str, float]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def _nothing(_came: object) -> None:
    pass


_UNTOLD = contextlib.nullcontext(_nothing)
