"""Who may answer and when they are there, as far as somebody has said so."""

from collections.abc import Collection, Sequence
from typing import Protocol

from baton.ledger import Review

Interval = tuple[float, float]
"""A stretch of time in seconds since 1970: from its start up to, and without, its end."""


class Staff(Protocol):
    """The people who answer reviews, their stand-ins among them."""

    def may_answer(self, review: Review) -> Collection[str] | None:
        """Who may ever answer a review, by name; None where that is not known: then somebody may, and any number."""
        ...

    def next_on_duty(self, person: str, at: float) -> float | None:
        """When somebody is on duty from `at` on; `at` where they are or nothing is known of them, None for never."""
        ...

    def on_duty(self, person: str, start: float, end: float) -> Sequence[Interval]:
        """When somebody is on duty between two times: sorted, apart from one another; all of it where not known."""
        ...


class Anybody:
    """Nothing is known of anybody: whoever it is may answer, and is always there."""

    def may_answer(self, review: Review) -> None:
        """Not known."""

    def next_on_duty(self, person: str, at: float) -> float:
        """At once."""
        return at

    def on_duty(self, person: str, start: float, end: float) -> Sequence[Interval]:
        """All the time."""
        return ((start, end),) if start < end else ()
