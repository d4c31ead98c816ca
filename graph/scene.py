"""What a built-in tool works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from baton.core import Action, Label
from baton.graph.outcome import Outcome
from baton.graph.team import Member, Team
from baton.ledger import Ledger, Run


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a built-in tool works with.

    Attributes:
        label: Of what the agent says itself, having read what it has read.
        cursor: The last message it has read.
    """

    ledger: Ledger
    team: Team
    member: Member
    run: Run
    label: Label
    cursor: int


Builtin = Callable[[Scene, Action, dict[str, Any]], Awaitable[Outcome]]
