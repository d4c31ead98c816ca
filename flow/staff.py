"""Who may answer and when they are there, as far as somebody has said so."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from baton.core import Roster
from baton.ledger import Transaction, people

Interval = tuple[float, float]
"""A stretch of time in seconds since 1970: from its start up to, and without, its end."""


class Staff(Protocol):
    """The people who answer reviews. Reviews name roles or people, none for anybody, and skills that are needed."""

    def able(self, reviewers: Collection[str], skills: Collection[str]) -> Collection[str] | None:
        """Who may ever answer, by name, stand-ins too; None where that is not known: then it may be any number."""
        ...

    def next_on_duty(self, reviewers: Collection[str], skills: Collection[str], at: float) -> float | None:
        """The first moment from `at` on at which any of them, or a stand-in, is there; None is never.

        Who is not known is always there.
        """
        ...

    def duty(
        self, reviewers: Collection[str], skills: Collection[str], start: float, end: float
    ) -> Mapping[str, Sequence[Interval]]:
        """When whom of them is there between two moments, by name."""
        ...


class Rostered:
    """The people of a roster."""

    def __init__(self, roster: Roster) -> None:
        self.roster = roster
        self.next_on_duty, self.duty = roster.next_on_duty, roster.duty

    def able(self, reviewers: Collection[str], skills: Collection[str]) -> Collection[str] | None:
        """Those who are named or have a role that is, and know what is needed; None where a name is none of theirs."""
        people = self.roster.people
        if not {called for person in people for called in person.called}.issuperset(reviewers):
            return None
        named = [one for one in people if not reviewers or not one.called.isdisjoint(reviewers)]
        stand_ins = {absence.stand_in for one in named for absence in one.absences if absence.stand_in is not None}
        return {one.name for one in named if one.skills.issuperset(skills)} | stand_ins


class Anybody:
    """Nothing is known of anybody: whoever it is may answer, and is always there."""

    def able(self, reviewers: Collection[str], skills: Collection[str]) -> None:
        """Not known."""

    def next_on_duty(self, reviewers: Collection[str], skills: Collection[str], at: float) -> float:
        """At once."""
        return at

    def duty(
        self, reviewers: Collection[str], skills: Collection[str], start: float, end: float
    ) -> Mapping[str, Sequence[Interval]]:
        """All the time."""
        return {name: [(start, end)] for name in reviewers}


def staff_of(tx: Transaction) -> Staff:
    """The people whom the record names; anybody, where it names none."""
    roster = people.roster(tx)
    return Anybody() if roster is None else Rostered(roster)
