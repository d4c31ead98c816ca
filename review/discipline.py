"""Which question a person takes next.

What is late is lost already; what is due soon and can still be answered in time is worth most: of that, what costs
most for the time it takes. Else the earliest due comes first. What is late is treated as if it were due a day later, so
that it waits, but not for ever (generalised cμ rule: van Mieghem 1995; the mixture with earliest due first and the day
of grace were found by simulation, see docs/reviews.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

SOON = 2 * 3600.0
"""Seconds before its time in which a question is due soon."""

GRACE = 24 * 3600.0
"""Seconds that are added to the time of what is late."""

WORK = 600.0
"""Seconds that a question takes to answer, where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a discipline sees of a question.

    Attributes:
        due: When it should be answered, in seconds since 1970.
        cost: What being late costs, beside others.
        work: Seconds that it takes to answer, about.
        served: How many questions of its tenant people have decided lately, where there are several.
    """

    id: str
    due: float
    cost: float = 1.0
    work: float = WORK
    served: int = 0

    @property
    def density(self) -> float:
        """What an hour of a person's time saves, if it comes in time."""
        return self.cost / self.work * 3600.0

    def lost(self, now: float) -> bool:
        """Whether it is late, or too short of time for half of the work."""
        return self.due - now < self.work / 2


T = TypeVar("T", bound=Turn)

Discipline = Callable[[float, Sequence[T]], T]
"""Chooses one of some questions, at a time."""


def urgent_first(now: float, waiting: Sequence[T]) -> T:
    """The default discipline: what is due soon by its cost, else the earliest due; what is late a day later.

    Of several tenants, whoever has been served least comes first among what is due soon, and else.
    """
    return min(waiting, key=lambda one: _rank(now, one))


def _rank(now: float, one: Turn) -> tuple[int, int, float, float]:
    if one.lost(now):
        return 1, one.served, one.due + GRACE, 0.0
    if one.due - now <= SOON:
        return 0, one.served, -one.density, one.due
    return 1, one.served, one.due, 0.0
