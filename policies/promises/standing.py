"""How a promise stands, for those who look at it."""

from dataclasses import dataclass

NOT_IN_SIGHT = 10_000
"""Decisions still needed beyond which nobody is told to wait for them."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a promise stands.

    Attributes:
        threshold: The score from which actions run alone; None while all go to a person.
        share: The share of the actions that reach it, lately; 0 without one.
        evidence: The highest wealth of what is proven next; it is proven at `needed_evidence`. At least 1.
        needed_evidence: What the wealth must reach.
        decisions_needed: About how many more decisions that takes, at the rate of errors seen lately; 0 when all
            thresholds are proven, None where that rate is not below what is promised, so that it is not in sight.
        paused: Whether nothing runs alone because a change is suspected.
        alone: How many actions have run alone.
        audited: How many of them are labelled.
        reported: How many turned out to be wrong later, though nobody was to look at them, or said so.
        observed: The estimated share of errors among those that ran alone; None before the first label.
        interval: A 95 % interval of it, for this look; None before the first label.
        alarms: How often a change has revoked the certificate.
        last_alarm: The number of actions on record when it last did; None for never.
    """

    threshold: float | None
    share: float
    evidence: float
    needed_evidence: float
    decisions_needed: int | None
    paused: bool
    alone: int
    audited: int
    reported: int
    observed: float | None
    interval: tuple[float, float] | None
    alarms: int
    last_alarm: int | None


@dataclass(frozen=True, kw_only=True)
class Point:
    """A threshold that might be acted on, and what is known of it.

    Attributes:
        threshold: The score from which actions would run alone.
        share: The share of the actions that reach it, lately.
        wrong: The share of those that was wrong, lately; None where none was labelled.
        labels: About how many actions that speaks of; older ones count less.
        evidence: The highest that its wealth has been; at least 1.
        needed_evidence: What that must reach, behind the thresholds before it; None for one that is stricter than where
            proving begins, which is proven with that.
        proven: Whether it is proven.
        in_force: Whether actions run alone from here.
    """

    threshold: float
    share: float
    wrong: float | None
    labels: float
    evidence: float
    needed_evidence: float | None
    proven: bool
    in_force: bool
