"""Simulated reviewers: when they look, how long they think, and how often and why they are mistaken."""

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baton.core import Calendar, Hours, InvalidValue, Person, format_duration
from baton.ledger.courses import Course

LEAST_FITTED = 5
"""Answers of a person below which nothing is fitted: what was assumed stays."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A log-normal time, as people's response times are (Ulrich & Miller, 1993).

    Attributes:
        median: Seconds.
        sigma: Standard deviation of its logarithm; 0 is always the median.
    """

    median: float
    sigma: float = 0.8

    def __post_init__(self) -> None:
        """Refuse what is no time.

        Raises:
            InvalidValue: for a median or a spread below 0.
        """
        if not (self.median >= 0 and self.sigma >= 0):
            raise InvalidValue("spread of times", (self.median, self.sigma), "a median and a sigma of 0 or more")

    def draw(self, dice: random.Random) -> float:
        """Seconds."""
        return self.median * math.exp(self.sigma * dice.gauss(0.0, 1.0))


def fitted(seconds: Sequence[float]) -> Spread:
    """The log-normal time that fits some best (maximum likelihood)."""
    logs = [math.log(max(one, 0.5)) for one in seconds]
    return Spread(median=math.exp(statistics.fmean(logs)), sigma=statistics.pstdev(logs))


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """Somebody who answers questions in an evaluation.

    Attributes:
        name: As decisions have it.
        roles: Beside their own name.
        skills: What they know.
        calendar: When they work; None is always.
        looks: Time until a question is looked at by who is there and free.
        thinks: Time from looking at it to the answer.
        errs: Probability of a mistaken answer, by class of action; `*` is any other.
        bias: Automation bias (Parasuraman & Manzey, 2010): how much likelier a wrong action passes that the agent says
            it is sure of; added to `errs` in proportion to the stated confidence.
        tires: Added to `errs` for each question beyond `fresh` that they answered in the last eight hours.
        fresh: Questions in eight hours that do not tire.
        edits: Share of the wrong actions that they find which they put right rather than reject.
        basis: What these figures rest on: `assumed`, or what they were fitted to.
    """

    name: str
    roles: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    calendar: Calendar | None = None
    looks: Spread = Spread(median=600.0)
    thinks: Spread = Spread(median=90.0)
    errs: Mapping[str, float] = field(default_factory=lambda: {"*": 0.02})
    bias: float = 0.0
    tires: float = 0.0
    fresh: int = 20
    edits: float = 0.5
    basis: str = "assumed"

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            InvalidValue: for one outside 0 to 1.
        """
        shares = {f"errs {kind}": share for kind, share in self.errs.items()}
        for name, share in {**shares, "bias": self.bias, "tires": self.tires, "edits": self.edits}.items():
            if not 0 <= share <= 1:
                raise InvalidValue(f"{name} of reviewer {self.name}", share, "a share from 0 to 1")

    @property
    def person(self) -> Person:
        """The same one as a roster has them."""
        return Person(name=self.name, roles=self.roles, skills=self.skills, calendar=self.calendar)

    @property
    def told(self) -> dict[str, Any]:
        """What is assumed of them, for whoever reads results."""
        return {
            "name": self.name,
            "roles": sorted(self.roles),
            "looks": f"{format_duration(self.looks.median)} (sigma {self.looks.sigma:g})",
            "thinks": f"{format_duration(self.thinks.median)} (sigma {self.thinks.sigma:g})",
            "errs": dict(self.errs),
            "bias": self.bias,
            "tires": self.tires,
            "basis": self.basis,
        }

    def mistaken(self, kind: str, right: bool, confidence: float | None, answered: int) -> float:
        """Probability that their answer is the wrong one.

        Args:
            kind: The action's class.
            right: Whether the action is right.
            confidence: What the agent says; None where it says nothing.
            answered: Questions that they have answered in the last eight hours.
        """
        errs = self.errs.get(kind, self.errs.get("*", 0.0))
        led = 0.0 if right else self.bias * (confidence or 0.0)
        return min(1.0, errs + led + self.tires * max(0, answered - self.fresh))

    def free_at(self, at: float) -> float | None:
        """The first moment from `at` on at which they work; None if there is none."""
        return at if self.calendar is None else self.calendar.next_on_duty(at)


def office_hours(zone: str = "UTC", start: int = 9, end: int = 17) -> Calendar:
    """Monday to Friday, from one full hour to another."""
    from datetime import time

    days = range(5)
    return Calendar(zone=zone, hours=tuple(Hours(weekday=day, start=time(start), end=time(end)) for day in days))


def fit(reviewer: Reviewer, courses: Sequence[Course]) -> Reviewer:
    """A reviewer with the times that somebody of that name took on record; what the record cannot say stays assumed.

    How often they are mistaken is not fitted: the record knows only where somebody has looked again.
    """
    claims = [
        (course, claim) for course in courses for claim in course.claims if claim.by == reviewer.name and course.said
    ]
    if len(claims) < LEAST_FITTED:
        return reviewer
    looks = [claim.start - course.review.opened_at for course, claim in claims]
    thinks = [claim.end - claim.start for _, claim in claims]
    basis = f"times fitted to {len(claims)} answers, errors assumed"
    return replace(reviewer, looks=fitted(looks), thinks=fitted(thinks), basis=basis)
