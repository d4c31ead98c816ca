"""The paired cluster bootstrap: how certain a difference between two evaluations of the same cases is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.core import InvalidValue
from baton.evals.intervals import Interval, detectable

RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean difference, and how certain it is.

    Attributes:
        mean: Of the second less the first, over cases.
        low: Lower end of its interval.
        high: Upper end of it.
        p: Two-sided p-value of there being none, by the bootstrap turned around zero.
        cases: How many were compared.
        clusters: How many groups of cases that are alike.
        detectable: The smallest difference that so many would show with a power of 80 %.
        deviation: Standard deviation of the clusters' means.
    """

    mean: float
    low: float
    high: float
    p: float
    cases: int
    clusters: int
    detectable: float
    deviation: float


def paired(
    differences: Mapping[str, float],
    clusters: Mapping[str, str],
    *,
    certainty: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """The mean of differences with a percentile interval, whole clusters resampled (Field & Welsh, 2007).

    Args:
        differences: By case: the second's value less the first's.
        clusters: By case, the group whose cases are alike.
        certainty: Of the interval.
        resamples: How often is drawn.
        seed: Of the draws.

    Raises:
        InvalidValue: for no case.
    """
    import numpy as np

    if not differences:
        raise InvalidValue("paired differences", "none", "one case or more that both have")
    sums, counts = _by_cluster(differences, clusters)
    total, sizes = np.array(sums), np.array(counts, dtype=float)
    mean = float(total.sum() / sizes.sum())
    drawn = _drawn(total, sizes, resamples, seed)
    low, high = (float(np.quantile(drawn, at)) for at in ((1 - certainty) / 2, (1 + certainty) / 2))
    p = float((1 + np.count_nonzero(np.abs(drawn - mean) >= abs(mean) - 1e-12)) / (1 + resamples))
    deviation = float(np.std(total / sizes, ddof=1)) if len(sums) > 1 else 0.0
    return Difference(
        mean=mean,
        low=low,
        high=high,
        p=min(1.0, p),
        cases=len(differences),
        clusters=len(sums),
        detectable=detectable(deviation, len(sums), certainty),
        deviation=deviation,
    )


def interval_of_mean(
    values: Sequence[float], certainty: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """A percentile interval of a mean, each value on its own; both ends are the value itself where there is one."""
    import numpy as np

    data = np.array(values, dtype=float)
    drawn = _drawn(data, np.ones(len(data)), resamples, seed)
    return float(np.quantile(drawn, (1 - certainty) / 2)), float(np.quantile(drawn, (1 + certainty) / 2))


def _by_cluster(differences: Mapping[str, float], clusters: Mapping[str, str]) -> tuple[list[float], list[int]]:
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for case in sorted(differences):
        name = clusters.get(case, case)
        sums[name] = sums.get(name, 0.0) + differences[case]
        counts[name] = counts.get(name, 0) + 1
    return list(sums.values()), list(counts.values())


def _drawn(sums: Any, sizes: Any, resamples: int, seed: int) -> Any:
    """Means of resamples, drawn in parts so that memory stays small."""
    import numpy as np

    dice = np.random.default_rng(seed)
    part = max(1, 2_000_000 // max(1, len(sums)))
    found: list[Any] = []
    for start in range(0, resamples, part):
        chosen = dice.integers(0, len(sums), size=(min(part, resamples - start), len(sums)))
        found.append(sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    return np.concatenate(found)
