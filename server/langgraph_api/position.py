"""How far a stream has come, as the id of its events says it: whoever asks again with the last one is told the rest."""

import re
from dataclasses import dataclass, field

from baton.core import InvalidValue, RunId

Numbers = dict[RunId, int]
"""Of each run the number of the newest event that was told."""

_ID = re.compile(r"((?:run_[0-9a-z]{1,40}:[0-9]{1,9},?)*);([0-9]{1,9});([0-9]{1,9})\.([0-9]{1,9})")


@dataclass
class Position:
    """How far.

    Attributes:
        head: How many lines of the run's transcript were told.
        turn: The turn whose text was told in pieces.
        given: How many characters of it.
    """

    numbers: Numbers = field(default_factory=Numbers)
    head: int = 0
    turn: int = 0
    given: int = 0

    @property
    def id(self) -> str:
        """As an event's id."""
        numbers = ",".join(f"{run}:{number}" for run, number in self.numbers.items())
        return f"{numbers};{self.head};{self.turn}.{self.given}"


def read_position(id: str) -> Position:
    """What an event's id says.

    Raises:
        InvalidValue: if it is no id of ours.
    """
    found = _ID.fullmatch(id)
    if found is None:
        raise InvalidValue("Last-Event-ID", id, "the id of the last event that came")
    parts = [part.split(":") for part in found[1].split(",") if part]
    numbers = {RunId(run): int(number) for run, number in parts}
    return Position(numbers=numbers, head=int(found[2]), turn=int(found[3]), given=int(found[4]))
