"""Whether stated confidence is true: reliability, expected calibration error, Brier score, risk and coverage.

And from which confidence on actions may run alone: by a test that keeps its promise, not by reading the curve.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import InvalidValue
from baton.evals.intervals import Interval, at_most, wilson

BINS = 10


@dataclass(frozen=True)
class Stated:
    """An action with its confidence, and whether it was right."""

    confidence: float
    right: bool


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Actions of about the same confidence.

    Attributes:
        low: From this confidence on.
        high: Up to this one.
        stated: Their mean confidence.
        right: The share that is right.
        interval: A 95 % interval of it.
        count: How many they are.
    """

    low: float
    high: float
    stated: float
    right: float
    interval: Interval
    count: int


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How confidence and truth go together.

    Attributes:
        error: Expected calibration error (Naeini et al., 2015): the mean distance of a bin's confidence and truth.
        error_interval: A 95 % interval of it, by the bootstrap. Of few actions it is above 0 by chance alone.
        gap: Mean confidence less the share that is right: above 0 is overconfident.
        gap_interval: A 95 % interval of it.
        brier: Mean squared distance of confidence and truth (Brier, 1950).
        area: Area under the risk-coverage curve (El-Yaniv & Wiener, 2010): the mean risk over all coverages.
        count: How many actions.
    """

    bins: tuple[Bin, ...]
    error: float
    error_interval: Interval
    gap: float
    gap_interval: Interval
    brier: float
    area: float
    count: int


@dataclass(frozen=True)
class Point:
    """What happens if actions of at least `threshold` run alone: what share of all does, and what share is wrong."""

    threshold: float
    coverage: float
    risk: float
    wrong: int
    alone: int


def calibration(said: Sequence[Stated], *, resamples: int = 1000, seed: int = 0) -> Calibration | None:
    """How confidence and truth go together; None where nothing is known."""
    if not said:
        return None
    error_interval, gap_interval = _resampled(said, resamples, seed)
    return Calibration(
        bins=tuple(bins(said)),
        error=expected_error(said),
        error_interval=error_interval,
        gap=_gap(said),
        gap_interval=gap_interval,
        brier=sum((one.confidence - one.right) ** 2 for one in said) / len(said),
        area=area(said),
        count=len(said),
    )


def bins(said: Sequence[Stated], count: int = BINS) -> list[Bin]:
    """Actions by confidence in bins of one width; empty ones are left out."""
    found: list[Bin] = []
    for number in range(count):
        low, high = number / count, (number + 1) / count
        inside = [one for one in said if min(int(one.confidence * count + 1e-9), count - 1) == number]
        if inside:
            right = sum(one.right for one in inside)
            found.append(
                Bin(
                    low=low,
                    high=high,
                    stated=sum(one.confidence for one in inside) / len(inside),
                    right=right / len(inside),
                    interval=wilson(right, len(inside)),
                    count=len(inside),
                )
            )
    return found


def expected_error(said: Sequence[Stated]) -> float:
    """Expected calibration error."""
    return sum(one.count * abs(one.stated - one.right) for one in bins(said)) / len(said)


def risk_coverage(said: Sequence[Stated]) -> list[Point]:
    """A point for each confidence that occurs, the highest first."""
    ordered = sorted(said, key=lambda one: -one.confidence)
    points: list[Point] = []
    wrong = 0
    for number, one in enumerate(ordered, 1):
        wrong += not one.right
        if number == len(ordered) or ordered[number].confidence < one.confidence:
            points.append(Point(one.confidence, number / len(ordered), wrong / number, wrong, number))
    return points


def area(said: Sequence[Stated]) -> float:
    """Area under the risk-coverage curve; among actions of one confidence the order is taken as even."""
    total, before = 0.0, Point(1.0, 0.0, 0.0, 0, 0)
    for point in risk_coverage(said):
        share = (point.wrong - before.wrong) / (point.alone - before.alone)
        total += sum(
            (before.wrong + share * more) / (before.alone + more) for more in range(1, point.alone - before.alone + 1)
        )
        before = point
    return total / len(said)


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """From which confidence on actions may run alone.

    Attributes:
        threshold: It; None where none can be promised.
        point: What happens there; None where none can.
        bound: The upper bound of the share that is wrong there.
        needed: About how many more actions it takes until one could be promised; None where one can.
    """

    threshold: float | None
    point: Point | None
    bound: float
    needed: int | None


def threshold_by_test(
    said: Sequence[Stated], most_wrong: float, certainty: float = 0.95, grid: Sequence[float] | None = None
) -> Threshold:
    """The lowest confidence from which at most a share is wrong, by fixed-sequence testing (Angelopoulos et al., 2022).

    Thresholds are tested from the highest on, each with the whole certainty, until one fails: so the promise is kept
    with that certainty, however many are tested. Those that are tested must not be chosen by the outcomes.

    Args:
        said: Actions with outcomes, none of which chose the grid.
        most_wrong: The share that may be wrong.
        certainty: With which.
        grid: Thresholds in falling order; None is 0.99 down to 0.5 in steps of 0.01.
    """
    if not 0 < most_wrong < 1:
        raise InvalidValue("share that may be wrong", most_wrong, "a share between 0 and 1")
    tried = [one / 100 for one in range(99, 49, -1)] if grid is None else list(grid)
    best: Point | None = None
    bound = 1.0
    for threshold in tried:
        alone = [one for one in said if one.confidence >= threshold]
        wrong = sum(not one.right for one in alone)
        if at_most(wrong, len(alone), certainty) > most_wrong:
            if best is not None or len(alone) >= smallest(most_wrong, certainty):
                break  # it was tested, and failed; with fewer no outcome could have passed, so nothing was tested
            continue
        bound = at_most(wrong, len(alone), certainty)
        best = Point(threshold, len(alone) / len(said), wrong / len(alone), wrong, len(alone))
    missing = None if best is not None else max(1, smallest(most_wrong, certainty) - len(said))
    return Threshold(threshold=None if best is None else best.threshold, point=best, bound=bound, needed=missing)


def smallest(most_wrong: float, certainty: float) -> int:
    """How many right actions without a wrong one it takes at least."""
    return math.ceil(math.log(1 - certainty) / math.log(1 - most_wrong))


def _gap(said: Sequence[Stated]) -> float:
    return sum(one.confidence - one.right for one in said) / len(said)


def _resampled(said: Sequence[Stated], resamples: int, seed: int) -> tuple[Interval, Interval]:
    """95 % intervals of the calibration error and of the gap, by the bootstrap."""
    import numpy as np

    confidence, right = np.array([one.confidence for one in said]), np.array([float(one.right) for one in said])
    place = np.minimum((confidence * BINS + 1e-9).astype(int), BINS - 1)
    off, dice = confidence - right, np.random.default_rng(seed)
    errors, gaps = np.empty(resamples), np.empty(resamples)
    for number in range(resamples):
        chosen = dice.integers(0, len(said), len(said))
        errors[number] = np.abs(np.bincount(place[chosen], off[chosen])).sum() / len(said)
        gaps[number] = off[chosen].mean()
    low, high = np.quantile(errors, (0.025, 0.975))
    least, most = np.quantile(gaps, (0.025, 0.975))
    return (float(low), float(high)), (float(least), float(most))
