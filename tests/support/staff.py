"""People of whom it is known who may answer what, and when they are there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from baton.flow import Interval


@dataclass
class SmallStaff:
    """Answers for a few people.

    Attributes:
        hours: When each is on duty; empty is never. A person who is not named is always there.
        roles: Who bears the roles that reviews name; a name that is none is a person's.
    """

    hours: Mapping[str, Sequence[Interval]]
    roles: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    def able(self, reviewers: Collection[str], skills: Collection[str]) -> list[str]:
        named = [person for name in reviewers for person in self.roles.get(name, [name])]
        return named or list(self.hours)

    def next_on_duty(self, reviewers: Collection[str], skills: Collection[str], at: float) -> float | None:
        found = self.duty(reviewers, skills, at, 1e12)
        return min((spans[0][0] for spans in found.values()), default=None)

    def duty(
        self, reviewers: Collection[str], skills: Collection[str], start: float, end: float
    ) -> Mapping[str, Sequence[Interval]]:
        each = {person: self.hours.get(person, [(start, end)]) for person in self.able(reviewers, skills)}
        cut = {person: [(max(start, a), min(end, b)) for a, b in hours] for person, hours in each.items()}
        there = {person: [span for span in spans if span[0] < span[1]] for person, spans in cut.items()}
        return {person: spans for person, spans in there.items() if spans}
