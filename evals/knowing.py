"""What a suite knows of the right answers. Simulated people decide by it, and confidence is held against it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baton.evals.cases import Case


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A call, or a question to people, of a case.

    Attributes:
        folder: The world.
        kind: What is asked: `action`, `question`, `doubt` or `trouble`.
        key: The action's id; None where it is about none.
    """

    case: Case
    folder: Path
    kind: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of it.

    Attributes:
        right: Whether the call is the right one, or, of a doubt, whether it has happened. None where nobody can say.
        instead: Arguments that would be right; None where there are none, or nothing is known.
        says: What a person who knows would say: the answer to a question, or why a call is wrong.
    """

    right: bool | None = None
    instead: Mapping[str, Any] | None = None
    says: str = ""


NOTHING = Known()

Knows = Callable[[Asked], Known]
"""Knows the truth about a call. Neither agents nor policies ever see it."""


def nobody_knows(_asked: Asked) -> Known:
    """For suites that know nothing but what their scorers compare."""
    return NOTHING
