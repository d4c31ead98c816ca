"""How much of their time on duty people are at questions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import Roster
from baton.flow.cover import Cover
from baton.flow.staff import Interval
from baton.ledger.courses import Course


@dataclass(frozen=True, kw_only=True)
class Use:
    """What somebody did with their time.

    Attributes:
        busy: Seconds in which they had claimed a question.
        duty: Seconds in which they were on duty; None where nobody has said when they are.
        at_duty: Seconds of `busy` that were on duty.
    """

    name: str
    busy: float
    duty: float | None
    at_duty: float

    @property
    def share(self) -> float | None:
        """The share of their time on duty in which they were at a question; None where that is not known."""
        return self.at_duty / self.duty if self.duty else None


def use_of_time(found: Sequence[Course], roster: Roster | None, since: float, now: float) -> list[Use]:
    """What people did with their time in a window, by name: those of the roster, and whoever has claimed anything."""
    claims = defaultdict[str, list[Interval]](list)
    for course in found:
        for claim in course.claims:
            claims[claim.by].append((max(claim.start, since), min(claim.end, now)))
    named = () if roster is None else tuple(person.name for person in roster.people)
    return [_use(name, Cover(claims[name]), roster, since, now) for name in sorted({*claims, *named})]


def _use(name: str, busy: Cover, roster: Roster | None, since: float, now: float) -> Use:
    taken = busy.seconds(since, now)
    if roster is None or roster.person(name) is None:
        return Use(name=name, busy=taken, duty=None, at_duty=0.0)
    spans = roster.duty((name,), (), since, now).get(name, [])
    at_duty = sum(busy.seconds(start, end) for start, end in spans)
    return Use(name=name, busy=taken, duty=sum(end - start for start, end in spans), at_duty=at_duty)
