"""The figures of the method that keeps a promise."""

from dataclasses import dataclass

from baton.core import Promise


@dataclass(frozen=True, kw_only=True)
class Method:
    """The figures of the method. Found by simulation on streams apart from those it is reported on (docs/promises.md).

    Attributes:
        warm_up: Actions whose scores lay out the thresholds; all of them go to a person.
        first_share: Share of the actions above the threshold that is proven first.
        tight_share: The same after an alarm, when a strict threshold is proven soonest.
        favour: Share of the doubt that the favoured of the two beginnings gets; the other gets the rest.
        audits: Probability with which an action that runs alone is looked at, when none has run yet.
        audits_floor: The probability it falls to, and never below.
        audits_fade: Actions run alone in which the distance to the floor falls to 1/e.
        learning: Labels since the last alarm before changes are looked for.
        alarm: What a CUSUM must reach for an alarm, in nats.
        pause: What it must reach for nothing to run alone until it has fallen again, in nats.
        shifts: The changes looked for: by how much the odds of an error grow, in nats.
        half_life: Actions after which what was seen counts half in the recent rates.
        headroom: Share of `most_wrong` that the recent rate above a threshold may be.
        tightening: How steeply that share falls as the account of all actions that ran alone is used up.
        least_headroom: Where it stops falling.
        opening: Actions with an ordinary share of errors that the account begins with, so that one error is not all.
        waiting: The largest number of labels waited for; beyond, the oldest is given up.
        remembered: The number of reported actions that are remembered, so that none counts twice.
    """

    warm_up: int = 80
    first_share: float
    tight_share: float
    favour: float = 0.95
    audits: float = 0.5
    audits_floor: float = 0.25
    audits_fade: float
    learning: int = 300
    alarm: float = 8.0
    pause: float
    shifts: tuple[float, ...] = (0.5, 1.0)
    half_life: float
    headroom: float = 0.95
    tightening: float = 4.0
    least_headroom: float = 0.25
    opening: float
    waiting: int = 400
    remembered: int = 400

    @classmethod
    def fitting(cls, promise: Promise) -> "Method":
        """The method for a promise: the stricter it is, the stricter is the beginning and the longer the memory."""
        first = min(0.1 + 7 * promise.most_wrong, 0.5)
        return cls(
            first_share=first,
            tight_share=first / 3,
            pause=min(2.5 + 50 * promise.most_wrong, 5.0),
            audits_fade=30 / promise.most_wrong,
            half_life=25 / promise.most_wrong,
            opening=10 / promise.most_wrong,
        )
