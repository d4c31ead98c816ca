"""A trouble: what has gone wrong, since when, what shows it, and what can be done."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "flood", "slow model", "failing model", "slow tool", "failing tool", "failing agent", "absent", "nobody works",
    "worker died", "more rejected", "more asked", "slow start",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that has gone wrong.

    Attributes:
        kind: What kind of thing.
        about: Which model, tool, agent, person or class.
        says: It, in a sentence.
        cause: Why, as far as the record shows it.
        evidence: The figures that show it.
        way_out: What people can do.
        began: When it is taken to have begun, in seconds since 1970.
        found: When it was found.
    """

    kind: Kind
    about: str
    says: str
    cause: str
    evidence: str
    way_out: str
    began: float
    found: float

    @property
    def key(self) -> tuple[str, str]:
        """What there is only one of at a time."""
        return self.kind, self.about
