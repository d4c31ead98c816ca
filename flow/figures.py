"""How reviews go, for each class and each person: what waiting consists of, misses, agreement, effects."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from baton.flow.answers import Share
from baton.flow.littles_law import LittlesLaw
from baton.flow.parts import Parts


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How reviews of one class go, or those that one person has closed.

    Attributes:
        name: The class, or the person.
        answered: Reviews that people have closed.
        waiting: That are open; none for a person.
        expired: That were closed by their deadline; none for a person.
        withdrawn: That were taken back; none for a person.
        waits: How long each answered one took, from the question to the run that went on, in seconds, shortest first;
            without those whose run has not gone on yet.
        parts: What these waits consist of, all together.
        avoidable: Deadlines missed although somebody who may answer was on duty in between.
        unavoidable: Deadlines missed with nobody on duty.
        agreed: Pairs of people who said the same of one review, or looking back at one action.
        as_proposed: Answers that let an action happen as the agent proposed it.
        too_fast: Approvals that came sooner than anybody can read.
        effects: What became of the actions that were let happen, by the effect's state; `none` where nobody has begun.
    """

    name: str
    answered: int
    waiting: int
    expired: int
    withdrawn: int
    waits: tuple[float, ...]
    parts: Parts
    avoidable: int
    unavoidable: int
    agreed: Share
    as_proposed: Share
    too_fast: Share
    effects: Mapping[str, int]

    @property
    def closed(self) -> int:
        """Reviews that are closed, however."""
        return self.answered + self.expired + self.withdrawn

    def wait(self, share: float) -> float | None:
        """The wait that this share of them does not exceed, in seconds: 0.5 is the median; None of none."""
        place = max(0, math.ceil(share * len(self.waits)) - 1)
        return self.waits[place] if self.waits else None


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How reviews go in a window of time, by class and by person, each in the order of their names.

    Attributes:
        since: Where the window begins, in seconds since 1970.
        until: Where it ends.
        law: Whether the log and the rows say the same.
    """

    since: float
    until: float
    classes: tuple[Figures, ...]
    people: tuple[Figures, ...]
    law: LittlesLaw
