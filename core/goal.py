"""What somebody wants."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter
from pydantic.dataclasses import dataclass

from baton.core.clock import parse_duration
from baton.core.labels import Confidentiality, Trust
from baton.core.times import parse_deadline

_FROZEN = ConfigDict(extra="forbid")


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(lambda value: f"{value.total_seconds():g}s", return_type=str),
]
"""A length of time; as text `90s`, `2h`, `1d 12h`."""


def _written(value: timedelta | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else f"{value.total_seconds():g}s"


Deadline = Annotated[timedelta | datetime, BeforeValidator(parse_deadline), PlainSerializer(_written, return_type=str)]
"""A length of time from submission, or a time with its offset; as text `2h` or `2026-11-23T08:00+01:00`."""


@dataclass(frozen=True, config=_FROZEN, kw_only=True)
class Budget:
    """What a run may use up; None is without limit.

    Attributes:
        turns: Model calls.
        tokens: Prompt and completion tokens together.
    """

    turns: Annotated[int, Field(gt=0)] | None = 50
    tokens: Annotated[int, Field(gt=0)] | None = None


@dataclass(frozen=True, config=_FROZEN)
class Attachment:
    """A text that a goal is about: a mail, a table, a note.

    Attributes:
        name: What it is called, such as `mail.eml`.
        text: Its text.
        trust: Who said it; a stranger's mail is external whoever handed it in.
        confidentiality: Who may see it.
    """

    name: str
    text: str
    trust: Trust = Trust.EXTERNAL
    confidentiality: Confidentiality = Confidentiality.INTERNAL


@dataclass(frozen=True, config=_FROZEN)
class Goal:
    """What somebody wants: statement, success criteria, constraints, budget, deadline.

    Attributes:
        statement: The goal in words.
        criteria: Success criteria; `finish` must cite evidence for each.
        constraints: What must hold on the way.
        attachments: Texts that it is about, each with a trust of its own.
        deadline: Time from submission until it should be reached, or the time itself; None is whenever.
        budget: What the run may use up.
        conversation: True keeps the run open for further turns after each answer.
        requester: Who asked; None is the person at the keyboard.
        priority: From -3 to 3: each step is worth ten minutes of waiting among the runs of the same tenant.
    """

    statement: Annotated[str, Field(min_length=1)]
    criteria: tuple[str, ...] = Field(default=(), kw_only=True)
    constraints: tuple[str, ...] = Field(default=(), kw_only=True)
    attachments: tuple[Attachment, ...] = Field(default=(), kw_only=True)
    deadline: Deadline | None = Field(default=None, kw_only=True)
    budget: Budget = Field(default=Budget(), kw_only=True)
    conversation: bool = Field(default=False, kw_only=True)
    requester: str | None = Field(default=None, kw_only=True)
    priority: Annotated[int, Field(ge=-3, le=3)] = Field(default=0, kw_only=True)

    if TYPE_CHECKING:  # what may be given; validation makes of it what the fields say

        def __init__(
            self,
            statement: str,
            *,
            criteria: Sequence[str] = ...,
            constraints: Sequence[str] = ...,
            attachments: Sequence[Attachment] = ...,
            deadline: timedelta | datetime | str | None = ...,
            budget: Budget = ...,
            conversation: bool = ...,
            requester: str | None = ...,
            priority: int = ...,
        ) -> None: ...

    def due(self, submitted: float) -> float | None:
        """When it should be reached, in seconds since 1970, if it is submitted then; None is whenever."""
        if isinstance(self.deadline, datetime):
            return self.deadline.timestamp()
        return None if self.deadline is None else submitted + self.deadline.total_seconds()


GOAL = TypeAdapter(Goal)
"""Reads and writes goals as JSON."""
