"""Whether errors have become more frequent, or rarer, than they were at the same scores: CUSUMs on all labels.

A label says as much of its score whether it was audited or escalated, so none is weighted: given the score, the coin
says nothing of the outcome. Each CUSUM adds up the logarithm of the likelihood ratio of "the odds of an error have
grown by so much" and never falls below 0 (Page, Biometrika 1954). Where all of them stand at 0 the change, if there is
one, comes later; that is where a new beginning counts from.
"""

import math
from collections.abc import Sequence

from baton.policies.promises.betting import SHARES

_RARE, _OFTEN = 0.002, 0.9
_EASING = -1.0
"""The change for the better that is looked for, in nats of the odds of an error."""


class Drift:
    """What was normal, and how far from it the labels are.

    Attributes:
        sums: The CUSUMs, in nats.
        relief: The one for errors that have become rarer.
        seen: Labels by the rank of their score, since the epoch began.
        wrong: Those that were errors.
        late_seen: Labels since the CUSUMs last stood at 0.
        late_wrong: Those that were errors.
    """

    def __init__(self, shifts: Sequence[float]) -> None:
        ranks = SHARES.size + 1
        self.shifts = tuple(shifts)
        self.sums, self.relief = [0.0] * len(shifts), 0.0
        self.seen, self.wrong = [0] * ranks, [0] * ranks
        self.late_seen, self.late_wrong = [0] * ranks, [0] * ranks
        self.total = self.errors = 0

    def take(self, rank: int, wrong: bool, learning: int) -> bool:
        """Take a label in; whether `sums` all stand at 0 after it. No CUSUM moves before `learning` labels."""
        if self.total >= learning:
            self._add(self._expected(rank), wrong)
        self.seen[rank] += 1
        self.wrong[rank] += wrong
        self.total += 1
        self.errors += wrong
        still = not any(self.sums)
        if still:
            self.late_seen, self.late_wrong = [0] * len(self.seen), [0] * len(self.seen)
        else:
            self.late_seen[rank] += 1
            self.late_wrong[rank] += wrong
        return still

    @property
    def height(self) -> float:
        """The highest CUSUM, in nats."""
        return max(self.sums)

    def begin_again(self) -> None:
        """After an alarm: what has been seen since the change is what is normal now."""
        none = [0] * len(self.seen)
        self.set_counts(self.late_seen, self.late_wrong, none, none)
        self.sums, self.relief = [0.0] * len(self.sums), 0.0

    def counts(self) -> list[list[int]]:
        """The four counts by rank."""
        return [list(one) for one in (self.seen, self.wrong, self.late_seen, self.late_wrong)]

    def set_counts(self, seen: list[int], wrong: list[int], late_seen: list[int], late_wrong: list[int]) -> None:
        """Take over the four counts by rank."""
        self.seen, self.wrong, self.late_seen, self.late_wrong = (
            list(seen),
            list(wrong),
            list(late_seen),
            list(late_wrong),
        )
        self.total, self.errors = sum(seen), sum(wrong)

    def _expected(self, rank: int) -> float:
        """The share of errors at such scores: its own, half the neighbours', and two average labels."""
        around = [(rank, 1.0), *((other, 0.5) for other in (rank - 1, rank + 1) if 0 <= other < len(self.seen))]
        seen = sum(part * self.seen[other] for other, part in around)
        wrong = sum(part * self.wrong[other] for other, part in around)
        average = (self.errors + 1) / (self.total + 10)
        return min(max((wrong + 2 * average) / (seen + 2), _RARE), _OFTEN)

    def _add(self, expected: float, wrong: bool) -> None:
        self.sums = [
            max(0.0, height + _tells(expected, shift, wrong))
            for height, shift in zip(self.sums, self.shifts, strict=True)
        ]
        self.relief = max(0.0, self.relief + _tells(expected, _EASING, wrong))


def _tells(expected: float, shift: float, wrong: bool) -> float:
    """The logarithm of how much likelier a label is where the odds of an error have changed by so many nats."""
    odds = expected / (1 - expected) * math.exp(shift)
    now = odds / (1 + odds)
    return math.log(now / expected if wrong else (1 - now) / (1 - expected))
