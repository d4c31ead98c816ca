"""How often what is above each threshold was wrong lately, read off a curve through the labels of all scores.

A proof speaks of everything since the last alarm, so a slow change hides in it. Above a strict threshold a change shows
only after dozens of errors, if one counts them there; but it shows at all scores, and a curve through all of them tells
of it several times as soon: logistic regression, in which the log-odds of an error grow with those of the score's rank.
Where errors do not follow such a curve, those seen above the threshold outweigh it when they are many (the mean of a
gamma distribution that begins with the curve). It is an estimate, and only ever forbids; no proof leans on it.
"""

import math
from collections.abc import Sequence

import numpy as np

from baton.policies.promises.betting import SHARES, Array

_EDGES = np.concatenate([[0.0], SHARES, [1.0]])
_MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2
_AT = np.log(_MIDDLES / (1 - _MIDDLES))
"""Where the curve is read, for each rank."""
_POWERS = np.stack([np.ones(_AT.size), _AT, _AT * _AT])
_SLOPE = 1.0
"""The slope before any label."""
_LEVEL_HELD, _SLOPE_HELD = 0.25, 4.0
"""How firmly the average and that slope are held to, as inverse variances."""
_STEPS, _CLOSE = 20, 1e-3


class Recent:
    """Labels by the rank of their score, of which older ones count less and less.

    Attributes:
        wrong: The weight of the errors of each rank.
        seen: The weight of all labels of each rank.
    """

    def __init__(self, wrong: Sequence[float] = (), seen: Sequence[float] = ()) -> None:
        ranks = SHARES.size + 1
        self.wrong = np.array(wrong, dtype=np.float64) if len(wrong) else np.zeros(ranks)
        self.seen = np.array(seen, dtype=np.float64) if len(seen) else np.zeros(ranks)

    def take(self, rank: int, wrong: bool, stands_for: float, half_life: float) -> None:
        """Take in a label that stands for so many actions; as many make what was before fade."""
        fade = 0.5 ** (stands_for / half_life)
        self.seen *= fade
        self.wrong *= fade
        self.seen[rank] += stands_for
        self.wrong[rank] += wrong * stands_for

    def above(self, place: int) -> tuple[float, float]:
        """The weights of the errors and of all labels above a threshold."""
        return float(self.wrong[: place + 1].sum()), float(self.seen[: place + 1].sum())

    def loosest(self, bound: int, rate: float, caution: float, trust: float) -> int | None:
        """The loosest threshold up to `bound` above which at most this share was wrong lately; None for none.

        Args:
            bound: The place of the loosest threshold that may be.
            rate: The share.
            caution: How many standard errors above its estimate the curve is read.
            trust: How many errors seen above the threshold count for as much as the curve.
        """
        seen, wrong = np.cumsum(self.seen)[: bound + 1], np.cumsum(self.wrong)[: bound + 1]
        expected = np.cumsum(self.seen * risk(self.seen, self.wrong, caution))[: bound + 1]
        kept = np.flatnonzero((seen > 0) & ((wrong + trust) * expected <= rate * seen * (expected + trust)))
        return int(kept[-1]) if kept.size else None

    def share(self, place: int) -> float:
        """The share of the actions above a threshold."""
        total = float(self.seen.sum())
        return self.above(place)[1] / total if total else 0.0

    def rate(self, place: int, expected: float) -> float:
        """The share of errors above a threshold, beside ten more actions of which the expected share was wrong."""
        wrong, seen = self.above(place)
        return (wrong + 10 * expected) / (seen + 10)


def risk(seen: Array, wrong: Array, caution: float) -> Array:
    """The share of errors at each rank, by the curve, this many standard errors above its estimate.

    The curve is the one under which the labels are likeliest, held to the average and to the usual slope while they are
    few. Newton's method climbs to it; where many scores are alike a whole step can overshoot, and is halved.
    """
    average = (float(wrong.sum()) + 0.5) / (float(seen.sum()) + 5)
    usual = math.log(average / (1 - average))
    level, slope, variance = usual, _SLOPE, np.zeros_like(_AT)
    height, expected = _height(seen, wrong, level, slope, usual)
    for _ in range(_STEPS):
        flat, tilt, bend = (_POWERS @ (seen * expected * (1 - expected))).tolist()
        up, tilted = (_POWERS[:2] @ (wrong - seen * expected)).tolist()
        flat, bend = flat + _LEVEL_HELD, bend + _SLOPE_HELD
        up, tilted = up - _LEVEL_HELD * (level - usual), tilted - _SLOPE_HELD * (slope - _SLOPE)
        area = flat * bend - tilt * tilt
        rise, turn = (bend * up - tilt * tilted) / area, (flat * tilted - tilt * up) / area
        variance = (bend - 2 * tilt * _AT + flat * _POWERS[2]) / area
        reached, expected = _height(seen, wrong, level + rise, slope + turn, usual)
        while reached < height and max(abs(rise), abs(turn)) > _CLOSE:
            rise, turn = rise / 2, turn / 2
            reached, expected = _height(seen, wrong, level + rise, slope + turn, usual)
        level, slope, height = level + rise, slope + turn, reached
        if max(abs(rise), abs(turn)) <= _CLOSE:
            break
    return _shares(level + slope * _AT + caution * np.sqrt(variance))


def _height(seen: Array, wrong: Array, level: float, slope: float, usual: float) -> tuple[float, Array]:
    """How likely a curve makes the labels, as a logarithm less what holds it back; and its share at each rank."""
    log_odds = level + slope * _AT
    likelihood = float(wrong @ log_odds) - float(seen @ np.logaddexp(0.0, log_odds))
    held = _LEVEL_HELD * (level - usual) ** 2 + _SLOPE_HELD * (slope - _SLOPE) ** 2
    return likelihood - held / 2, _shares(log_odds)


def _shares(log_odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)
