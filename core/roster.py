"""Who may answer what, and when: people with their roles, skills, hours, absences and stand-ins. No I/O."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from baton.core.calendars import LOOKS, Calendar, Span, common, merged, seconds, without


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A time in which somebody is not there, whatever their hours.

    Attributes:
        start: Seconds since 1970.
        end: Seconds since 1970; infinity is until further notice.
        stand_in: Who has their name and roles meanwhile; None is nobody.
    """

    start: float
    end: float = math.inf
    stand_in: str | None = None

    @property
    def span(self) -> Span:
        """From when to when."""
        return self.start, self.end


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who answers questions.

    Attributes:
        name: As decisions have it.
        roles: Beside their own name.
        skills: What they know.
        calendar: When they work; None is always.
        absences: When they do not, in spite of that.
    """

    name: str
    roles: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    calendar: Calendar | None = None
    absences: tuple[Absence, ...] = ()

    @property
    def called(self) -> frozenset[str]:
        """What a question may name them by."""
        return self.roles | {self.name}

    def spans(self, start: float, end: float) -> list[Span]:
        """When they are there between two moments."""
        hours = [(start, end)] if self.calendar is None else self.calendar.spans(start, end)
        return without(hours, (absence.span for absence in self.absences))

    def absent(self, after: float) -> list[Absence]:
        """The absences that are not over by a moment, the earliest first."""
        return sorted((one for one in self.absences if one.end > after), key=lambda one: one.start)

    def away(self, at: float) -> list[Absence]:
        """The absences that they are in at a moment."""
        return [one for one in self.absences if one.start <= at < one.end]


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The people who answer questions.

    Whom a question names and nobody here is called is somebody of whom nothing is said: always there.
    """

    people: tuple[Person, ...]

    def person(self, name: str) -> Person | None:
        """Who has this name; None is nobody."""
        return next((person for person in self.people if person.name == name), None)

    def with_absences(self, absences: Mapping[str, Sequence[Absence]]) -> "Roster":
        """The same people, away at these times as well, by name."""
        if not absences:
            return self
        changed = (
            replace(person, absences=(*person.absences, *absences.get(person.name, ()))) for person in self.people
        )
        return replace(self, people=tuple(changed))

    def acts_as(self, name: str, at: float) -> frozenset[str] | None:
        """The names and roles that somebody has at a moment, those they stand in for too; None of one who is not here.

        Whoever stands in for somebody and is away has their own stand-in do it.
        """
        known = self.person(name)
        if known is None:
            return None
        return self._acts(known, at)

    def able(self, reviewers: Collection[str], skills: Collection[str], at: float) -> frozenset[str]:
        """The names of those who may answer a question as of a moment, in their hours: who is away then may not."""
        names = {called for person in self.people for called in person.called}
        known = (person for person in self.people if person.skills.issuperset(skills) and not person.away(at))
        may = (person.name for person in known if not reviewers or not self._acts(person, at).isdisjoint(reviewers))
        return frozenset(may).union(name for name in reviewers if name not in names)

    def duty(
        self, reviewers: Collection[str], skills: Collection[str], start: float, end: float
    ) -> dict[str, list[Span]]:
        """When whom of those who may answer a question is there, by name; who never is between the moments is left out.

        Args:
            reviewers: Roles or names that may answer; empty is anybody.
            skills: What they have to know.
            start: Seconds since 1970.
            end: Seconds since 1970.
        """
        known = {called for person in self.people for called in person.called}
        found: dict[str, list[Span]] = {name: [(start, end)] for name in reviewers if name not in known}
        for person in self.people:
            if not reviewers or not person.called.isdisjoint(reviewers):
                for name, spans in self._cover(person, frozenset(skills), [(start, end)], frozenset()):
                    found[name] = merged([*found.get(name, ()), *spans])
        return {name: spans for name, spans in found.items() if spans}

    def spans(self, reviewers: Collection[str], skills: Collection[str], start: float, end: float) -> list[Span]:
        """When anybody who may answer is there."""
        return merged(span for spans in self.duty(reviewers, skills, start, end).values() for span in spans)

    def next_on_duty(self, reviewers: Collection[str], skills: Collection[str], at: float) -> float | None:
        """The first moment from `at` on at which somebody who may answer is there; None if nobody ever is."""
        tries = (self.spans(reviewers, skills, at, at + ahead) for ahead in LOOKS)
        return next((spans[0][0] for spans in tries if spans), None)

    def staffed(self, reviewers: Collection[str], skills: Collection[str], start: float, end: float) -> float:
        """Seconds between two moments in which somebody who may answer is there."""
        return seconds(self.spans(reviewers, skills, start, end))

    def _cover(
        self, person: Person, skills: frozenset[str], when: Sequence[Span], passed: frozenset[str]
    ) -> Iterable[tuple[str, list[Span]]]:
        """Who answers in place of a person in some spans: they themselves while they are there, else who stands in."""
        if not when or person.name in passed:
            return
        if person.skills >= skills:
            yield person.name, common(person.spans(when[0][0], when[-1][1]), when)
        for absence in person.absences:
            if absence.stand_in is None:
                continue
            gone, other = common([absence.span], when), self.person(absence.stand_in)
            if other is not None:
                yield from self._cover(other, skills, gone, passed | {person.name})
            else:
                yield absence.stand_in, gone

    def _acts(self, known: Person, at: float) -> frozenset[str]:
        away = (person for person in self.people if person.absences and known.name in self._stand_ins(person, at))
        return known.called.union(*(person.called for person in away))

    def _stand_ins(self, person: Person, at: float) -> set[str]:
        """Who stands in for somebody at a moment, and for those of them who are away themselves."""
        found: set[str] = set()
        gone: list[Person] = [person]
        while gone:
            names = {one.stand_in for one in gone.pop().away(at) if one.stand_in} - found - {person.name}
            found |= names
            gone += [other for other in self.people if other.name in names]
        return found
