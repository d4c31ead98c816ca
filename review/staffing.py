"""Who is there to answer a question, and when: what is said of it when it is asked, and until when it can wait."""

from collections.abc import Collection
from dataclasses import dataclass

from baton.core import Roster
from baton.core.calendars import Span, levels, seconds
from baton.review.discipline import WORK

Level = tuple[float, float, int]
"""From when to when how many people are there."""


@dataclass(frozen=True)
class Desk:
    """Who may answer some questions.

    Attributes:
        roster: The people; None where nobody is named: then one person is always there.
        reviewers: Roles or names that may answer; empty is anybody.
        skills: What they have to know.
    """

    roster: Roster | None
    reviewers: tuple[str, ...] = ()
    skills: frozenset[str] = frozenset()

    def levels(self, start: float, end: float) -> list[Level]:
        """How many are there between two moments: only when somebody is, in order."""
        if self.roster is None:
            return [(start, end, 1)] if start < end else []
        return levels(self.roster.duty(self.reviewers, self.skills, start, end).values())

    def work(self, start: float, end: float) -> float:
        """Seconds of people's time between two moments."""
        return sum((ended - begun) * count for begun, ended, count in self.levels(start, end))

    def spans(self, start: float, end: float) -> list[Span]:
        """When anybody is there between two moments."""
        if self.roster is None:
            return [(start, end)] if start < end else []
        return self.roster.spans(self.reviewers, self.skills, start, end)

    def next_on_duty(self, at: float) -> float | None:
        """The first moment from `at` on at which somebody is there; None if nobody ever is."""
        return at if self.roster is None else self.roster.next_on_duty(self.reviewers, self.skills, at)


@dataclass(frozen=True)
class Gap:
    """That nobody who may answer a question is there in time.

    Attributes:
        deadline: In seconds since 1970; None where there is none, and nobody is ever there.
        next: When somebody is there after all; None is never.
    """

    deadline: float | None
    next: float | None


def gap(desk: Desk, now: float, deadline: float | None) -> Gap | None:
    """Whether a question is asked of nobody; None where somebody is there between now and its deadline.

    Args:
        desk: Who may answer it.
        now: Seconds since 1970.
        deadline: Seconds since 1970; None is never.
    """
    following = desk.next_on_duty(now)
    if following is None or (deadline is not None and following >= max(deadline, now)):
        return Gap(deadline, following)
    return None


def last_call(
    roster: Roster | None,
    reviewers: Collection[str],
    skills: Collection[str],
    deadline: float,
    work: float = WORK,
    *,
    since: float,
) -> float | None:
    """The moment from which so much time is left before a deadline in which somebody who may answer is there.

    Whoever is told at that moment can still answer in time, if they do it at once.

    Args:
        roster: The people; None where nobody is named: then somebody is always there.
        reviewers: Roles or names that may answer; empty is anybody.
        skills: What they have to know.
        deadline: Seconds since 1970.
        work: Seconds that it takes to answer.
        since: When the question was asked, in seconds since 1970.

    Returns:
        Seconds since 1970; None where there is no such moment after `since`: it is too late from the beginning.
    """
    spans = Desk(roster, tuple(reviewers), frozenset(skills)).spans(since, deadline)
    if seconds(spans) < work:
        return None
    left = work
    for start, end in reversed(spans):
        if left <= end - start:
            return end - left
        left -= end - start
    return deadline
