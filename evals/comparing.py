"""Two evaluations of the same cases, held against each other case by case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baton.core import InvalidValue
from baton.evals.bootstrap import RESAMPLES, Difference, paired
from baton.evals.identity import differences
from baton.evals.intervals import holm, mcnemar, needed
from baton.evals.metrics import METRICS, Metric, per_case
from baton.evals.results import Results


@dataclass(frozen=True)
class Compared:
    """A metric of two evaluations.

    Attributes:
        before: Its mean over the common cases in the first.
        now: The same in the second.
        difference: How certain the difference is.
        adjusted: Its p-value among those of all metrics, by Holm.
    """

    metric: Metric
    before: float
    now: float
    difference: Difference
    adjusted: float

    @property
    def gain(self) -> tuple[float, float, float]:
        """The difference turned so that more is better: mean, low, high."""
        one = self.difference
        return (one.mean, one.low, one.high) if self.metric.more_is_better else (-one.mean, -one.high, -one.low)

    def needed(self, margin: float) -> int:
        """About how many clusters of cases it takes to tell a difference of `margin` from none."""
        return needed(self.difference.deviation, margin)


@dataclass(frozen=True)
class Flip:
    """A case whose majority of attempts came out differently."""

    case: str
    before: bool
    now: bool


@dataclass(frozen=True)
class Comparison:
    """What differs between two evaluations.

    Attributes:
        metrics: By name; those that say nothing in one of them are left out.
        flips: Cases that passed in one and not in the other.
        p: McNemar's exact p-value on these.
        changed: Names of what of the system differs.
        missing: Cases that only one of them has, or in which only one says something.
    """

    before: Results
    now: Results
    metrics: Mapping[str, Compared]
    flips: Sequence[Flip]
    p: float
    changed: Sequence[str]
    missing: Sequence[str]


def compare(before: Results, now: Results, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two evaluations over the cases that both have.

    Raises:
        InvalidValue: if they have none in common.
    """
    common = before.by_case.keys() & now.by_case.keys()
    if not common:
        what = f"{before.evaluation.id} and {now.evaluation.id}"
        raise InvalidValue("evaluations", what, "two that have cases in common, each with an attempt that counts")
    found = [_compared(before, now, metric, resamples, seed) for metric in METRICS.values()]
    known = [one for one in found if one is not None]
    adjusted = holm([one.difference.p for one in known])
    metrics = {one.metric.name: replace(one, adjusted=value) for one, value in zip(known, adjusted, strict=True)}
    flips = [flip for case in sorted(common) if (flip := _flip(before, now, case)) is not None]
    won = sum(flip.now for flip in flips)
    missing = sorted((before.clusters.keys() | now.clusters.keys()) - common)
    changed = differences(before.evaluation.identity, now.evaluation.identity)
    return Comparison(before, now, metrics, flips, mcnemar(won, len(flips) - won), changed, missing)


def _compared(before: Results, now: Results, metric: Metric, resamples: int, seed: int) -> Compared | None:
    one, other = per_case(before, metric), per_case(now, metric)
    both = sorted(one.keys() & other.keys())
    if not both:
        return None
    found = {case: other[case] - one[case] for case in both}
    difference = paired(found, now.clusters, resamples=resamples, seed=seed)
    means = [sum(values[case] for case in both) / len(both) for values in (one, other)]
    return Compared(metric, means[0], means[1], difference, difference.p)


def _flip(before: Results, now: Results, case: str) -> Flip | None:
    one, other = (_majority(results, case) for results in (before, now))
    return None if one is other else Flip(case, one, other)


def _majority(results: Results, case: str) -> bool:
    tried = results.by_case[case]
    return 2 * sum(one.passed for one in tried) > len(tried)
