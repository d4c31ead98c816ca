"""Who may answer and when they are there, as far as somebody has said so."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

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
