"""People of whom it is known who may answer what, and when they are there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from baton.flow import Interval
from baton.ledger import Review


@dataclass
class SmallStaff:
    """Answers for a few people.

    Attributes:
        hours: When each is on duty; empty is never. A person who is not named is always there.
        roles: Who bears the roles that reviews name; a name that is none is a person's.
    """

    hours: Mapping[str, Sequence[Interval]]
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def may_answer(self, review: Review) -> Collection[str] | None:
        named = [person for name in review.reviewers for person in self.roles.get(name, [name])]
        return named or list(self.hours)

    def next_on_duty(self, person: str, at: float) -> float | None:
        if person not in self.hours:
            return at
        return min((max(at, start) for start, end in self.hours[person] if end > at), default=None)

    def on_duty(self, person: str, start: float, end: float) -> Sequence[Interval]:
        hours = self.hours.get(person, [(start, end)])
        return [(max(start, since), min(end, until)) for since, until in hours if max(start, since) < min(end, until)]
