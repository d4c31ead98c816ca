"""The state that LangGraph carries: one small channel of ids and cursors. Texts are in the ledger."""

from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict

from baton.core import ActionId

GRAPH = 1
"""Version of the graph: raised when a stored Place, or a step of the loop, comes to mean something else."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run stands.

    Attributes:
        cursor: The last message read from the mailbox.
        head: Transcript lines written.
        turn: Model calls made.
        allowance: Model calls that may be made; a person can grant more.
        todo: Actions to carry out next.
        waiting: Whether there is nothing to do until mail comes.
        strikes: Model answers in a row that could not be used.
        thought: When the model was asked last, in seconds since 1970; None before, or where an older Baton asked it.
    """

    cursor: int = 0
    head: int = 0
    turn: int = 0
    allowance: int | None = None
    todo: tuple[ActionId, ...] = ()
    waiting: bool = False
    strikes: int = 0
    thought: float | None = None

    def moved(self, **changes: Any) -> "Place":
        """The place with some of it changed."""
        return replace(self, **changes)

    def as_state(self) -> "State":
        """As LangGraph carries it: plain types only."""
        return {"at": asdict(self) | {"todo": list(self.todo)}}


class State(TypedDict):
    """LangGraph's state: `at` holds a Place as plain values."""

    at: dict[str, Any]


def place_of(state: State) -> Place:
    """The place that a state holds."""
    values = dict(state["at"])
    values["todo"] = tuple(values["todo"])
    return Place(**values)
