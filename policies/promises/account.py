"""What is known of the actions that ran alone, and how often what is above each threshold was wrong lately.

A proof speaks of everything since the last alarm, so a slow change hides in it. Two estimates guard against that: the
recent rate above each threshold, and the account of all actions that ran alone so far, which the promise speaks of. The
more of the account is used up, the lower a recent rate must be. They are estimates, not proofs: they only ever forbid.
"""

import math
from collections.abc import Sequence

import numpy as np

from baton.policies.promises.betting import SHARES


class Recent:
    """Rates of error above each threshold, of which older labels count less and less.

    Attributes:
        wrong: The weight of the errors above each threshold.
        seen: The weight of all labels above it.
        total: The weight of all labels.
    """

    def __init__(self, wrong: Sequence[float] = (), seen: Sequence[float] = (), total: float = 0.0) -> None:
        self.wrong = np.array(wrong, dtype=np.float64) if len(wrong) else np.zeros(SHARES.size)
        self.seen = np.array(seen, dtype=np.float64) if len(seen) else np.zeros(SHARES.size)
        self.total = total

    def take(self, rank: int, wrong: bool, stands_for: float, half_life: float) -> None:
        """Take in a label that stands for so many actions; as many make what was before fade."""
        fade = 0.5 ** (stands_for / half_life)
        self.seen *= fade
        self.wrong *= fade
        self.total = self.total * fade + stands_for
        self.seen[rank:] += stands_for
        if wrong:
            self.wrong[rank:] += stands_for

    def loosest(self, bound: int, rate: float) -> int | None:
        """The loosest threshold up to `bound` above which at most this share was wrong lately; None for none."""
        kept = np.flatnonzero(self.wrong[: bound + 1] <= rate * self.seen[: bound + 1])
        return int(kept[-1]) if kept.size else None

    def share(self, rank: int) -> float:
        """The share of the actions above a threshold."""
        return float(self.seen[rank]) / self.total if self.total else 0.0

    def rate(self, rank: int, expected: float) -> float:
        """The share of errors above a threshold, beside ten more actions of which the expected share was wrong."""
        return (float(self.wrong[rank]) + 10 * expected) / (float(self.seen[rank]) + 10)


class Account:
    """The actions that ran alone.

    Attributes:
        alone: How many ran alone.
        audited: How many of them are labelled.
        found: How many of those were wrong.
        reported: How many turned out to be wrong later, though nobody was to look at them, or said so.
        wrong: How many were wrong, estimated: each found stands for 1/probability.
        weight: How many the labelled ones stand for.
        squares: The sum of the squares of what each stands for.
        awaited: How many those stand for whose audit is not answered yet.
    """

    def __init__(self, values: Sequence[float] = (0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)) -> None:
        self.alone, self.audited, self.found, self.reported = (int(value) for value in values[:4])
        self.wrong, self.weight, self.squares, self.awaited = values[4:]

    def values(self) -> list[float]:
        """Its attributes, in order."""
        whole = [self.alone, self.audited, self.found, self.reported]
        return [*whole, self.wrong, self.weight, self.squares, self.awaited]

    def take(self, wrong: bool, stands_for: float) -> None:
        """Take in the answer to an audit."""
        self.audited += 1
        self.found += wrong
        self.wrong += wrong * stands_for
        self.weight += stands_for
        self.squares += stands_for**2

    def used(self, most_wrong: float, opening: float, noticed: float) -> float:
        """The share of the allowed errors that has been made; 1 is all of them.

        It is estimated from the audits, and is at least what those errors make that are known.

        Args:
            most_wrong: What is promised.
            opening: Actions with an ordinary share of errors that are counted as well.
            noticed: The share of the errors that people notice.
        """
        ordinary, settled = 0.6 * most_wrong * opening, max(self.alone - self.awaited, 0.0)
        estimated = (self.wrong / noticed + ordinary) / (most_wrong * (settled + opening))
        return max(estimated, (self.found + self.reported + ordinary) / (most_wrong * (self.alone + opening)))

    def interval(self, noticed: float) -> tuple[float, float, float] | None:
        """The share of errors among those that ran alone, and a 95 % interval of it; None before the first label.

        People notice the share `noticed` of the errors. The interval is Wilson's, for one look, with as many labels as
        would tell as much if all stood for equally many.
        """
        if not self.weight:
            return None
        rate, labels, z = self.wrong / self.weight, self.weight**2 / self.squares, 1.96
        middle = (rate + z * z / (2 * labels)) / (1 + z * z / labels)
        reach = z * math.sqrt(rate * (1 - rate) / labels + z * z / (4 * labels * labels)) / (1 + z * z / labels)
        return rate / noticed, max(middle - reach, 0.0) / noticed, min((middle + reach) / noticed, 1.0)
