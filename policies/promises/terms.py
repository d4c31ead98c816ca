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
        suspicion: What it must reach for twice as many errors to be feared as were seen lately, in nats.
        relief: What the CUSUM for fewer errors must reach for a fresh beginning, in nats.
        shifts: The changes looked for: by how much the odds of an error grow, in nats.
        half_life: Actions after which what was seen counts half in the recent rates.
        caution: How many standard errors above its estimate the curve of the recent rates is read.
        trust: How many errors seen above a threshold count for as much as the curve.
        beginning: Share of `most_wrong` that the recent rate above a threshold may be before anything has run alone.
        horizon: Actions of credit, or of debt, that raise or lower that share by 1; it is never larger than 1.
        least: Where it stops falling.
        waiting: The largest number of labels waited for; beyond, the oldest is given up.
        remembered: The number of reported actions that are remembered, so that none counts twice.
    """

    warm_up: int = 80
    first_share: float
    tight_share: float
    favour: float = 0.95
    audits: float = 0.75
    audits_floor: float = 0.25
    audits_fade: float
    learning: int = 300
    alarm: float = 8.0
    suspicion: float = 5.0
    relief: float = 12.0
    shifts: tuple[float, ...] = (0.5, 1.0)
    half_life: float = 1000.0
    caution: float = 1.0
    trust: float = 30.0
    beginning: float = 0.6
    horizon: float = 300.0
    least: float = 0.25
    waiting: int = 400
    remembered: int = 400

    @classmethod
    def fitting(cls, promise: Promise) -> "Method":
        """The method for a promise: the stricter it is, the stricter it begins and the longer it audits often."""
        first = min(0.1 + 7 * promise.most_wrong, 0.5)
        return cls(first_share=first, tight_share=first / 3, audits_fade=30 / promise.most_wrong)
