"""What a step comes to: where to go next, the new place, and the rows to commit with it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from baton.core import Delta, RunId
from baton.graph.interrupting import Doorbell
from baton.graph.outcome import Rider
from baton.graph.state import Place
from baton.graph.team import Team
from baton.ledger import Ledger


@dataclass(frozen=True, kw_only=True)
class Office:
    """What the loop works with.

    Attributes:
        live: For a run and its next turn, what is called with each piece of its model's text as it comes; None where
            nobody listens. Pieces may be lost; what was said in the end is in the record.
        leaving: Set when this process is to end: runs are given back before their next step.
        doorbell: Rings where a message comes for a run whose model is being asked.
    """

    ledger: Ledger
    team: Team
    live: Callable[[RunId, int], Delta | None]
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    doorbell: Doorbell = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "doorbell", Doorbell(self.ledger))


@dataclass(frozen=True, kw_only=True)
class Move:
    """The result of a step.

    Attributes:
        riders: Committed with the step, in order.
    """

    goto: Literal["think", "act", "end"]
    place: Place
    riders: tuple[Rider, ...]
