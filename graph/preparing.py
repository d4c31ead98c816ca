"""While a question waits, an agent that prepares is asked once what it can look up for when it is answered."""

from collections.abc import Iterable, Sequence

from baton.core import ReviewId
from baton.ledger import Line

_SAYS = (
    "Nobody has answered yet. Meanwhile do what does not depend on it, and look up what you will need once it is "
    "approved. Where there is nothing to prepare, say so in a few words: you are told of the answer."
)


def prepares(asked: Iterable[ReviewId], lines: Sequence[Line], turn: int) -> Line | None:
    """The notice after which an agent prepares for these questions; None where it has been told of each already."""
    told = {line.ref for line in lines if line.role == "notice" and line.text.startswith("[preparing")}
    new = next((review for review in asked if review not in told), None)
    return None if new is None else Line(role="notice", turn=turn, text=f"[preparing for {new}] {_SAYS}", ref=new)
