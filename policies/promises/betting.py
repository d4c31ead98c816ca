"""Betting against "more than the promised share is wrong above this threshold", for many thresholds at once.

Each threshold begins with a wealth of 1. A label above it multiplies the wealth by `1 - bet * (wrong - most_wrong)`, so
that errors cost and right actions earn. If the share of errors above the threshold is larger than promised, the wealth
shrinks on average, and the probability that it ever reaches 1/doubt is at most the doubt (Ville's inequality): what
reaches it is proven, whenever one looks. An audited action stands for those that were not audited: its label counts
1/probability (Waudby-Smith & Ramdas, JRSS-B 2024; Xu, Karampatziakis & Mineiro, NeurIPS 2024, arXiv 2406.10490).

A label must not be able to ruin, so the bet is at most `lowest / (1 - most_wrong)`, where `lowest` is the lowest
probability of a label above the threshold when the action was decided: 1 while everything goes to a person, which is
why nothing is proven faster than then. It was fixed before the label and says nothing of the action's own score.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHARES = np.arange(0.1, 0.96, 0.025)
"""The thresholds, as shares of the actions above them, strict to loose."""
BETS = np.array([0.392, 0.735])
"""The bets, as shares of the largest one that cannot ruin."""
STAKES = np.log([0.25, 0.75])
"""What each begins with, as a logarithm; the wealth is their sum. The larger one proves clear cases."""


def lay_out(scores: Sequence[float]) -> list[float]:
    """The thresholds, strict to loose: order statistics of these scores."""
    falling = sorted(scores, reverse=True)
    return [falling[round(share * len(falling)) - 1] for share in SHARES.tolist()]


def nearest(share: float) -> int:
    """The place of the threshold with about this share above it."""
    return int(np.argmin(np.abs(SHARES - share)))


@lru_cache(maxsize=1024)
def _pull(wrong: bool, weight: float, most_wrong: float) -> Array:
    return np.log1p(-BETS * weight * (wrong - most_wrong) / (1 - most_wrong))


class Wealth:
    """The logarithm of each threshold's wealth, by bet, and the highest it has been.

    Attributes:
        logs: A row for each threshold, a column for each bet.
        peaks: The highest logarithm of a threshold's wealth over all its bets.
    """

    def __init__(self, logs: Sequence[Sequence[float]] | None = None, peaks: Sequence[float] | None = None) -> None:
        self.logs = np.zeros((SHARES.size, BETS.size)) if logs is None else np.array(logs, dtype=np.float64)
        self.peaks = np.zeros(SHARES.size) if peaks is None else np.array(peaks, dtype=np.float64)

    def take(self, rank: int, wrong: bool, weight: float, most_wrong: float) -> None:
        """Settle a label's bets.

        Args:
            rank: The place of the strictest threshold that the score reaches.
            wrong: The label.
            weight: The lowest probability of a label at the time, by this one's probability; at most 1.
            most_wrong: What is promised.
        """
        self.logs[rank:] += _pull(wrong, weight, most_wrong)

    def look(self, rank: int) -> None:
        """Note how high the wealth is from this threshold on."""
        np.maximum(self.peaks[rank:], self.now(rank), out=self.peaks[rank:])

    def now(self, rank: int = 0) -> Array:
        """The logarithm of the wealth, from this threshold on."""
        staked = self.logs[rank:] + STAKES
        return np.logaddexp(staked[:, 0], staked[:, 1])

    def copy(self) -> "Wealth":
        """The same wealth; how high it was before is forgotten."""
        return Wealth(self.logs.tolist())

    def reached(self, start: int, doubt: float) -> int | None:
        """The loosest threshold that is proven when testing one after the other from `start`; None for not even that.

        Every test has the whole doubt: the first that is not passed ends the sequence.
        """
        level = -math.log(doubt)
        failed = np.flatnonzero(self.peaks[start:] < level)
        passed = int(failed[0]) if failed.size else SHARES.size - start
        return start + passed - 1 if passed else None
