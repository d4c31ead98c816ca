"""Intervals and exact tests of shares. No I/O, no packages: each is held against scipy and statsmodels in the tests."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist

from baton.core import InvalidValue

Interval = tuple[float, float]


def wilson(passed: int, of: int, certainty: float = 0.95) -> Interval:
    """Wilson's score interval of a share (Wilson, 1927); from 0 to 1 where nothing was counted."""
    _check(passed, of)
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + certainty / 2)
    share, spread = passed / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    low = 0.0 if passed == 0 else max(0.0, middle - half)
    return low, 1.0 if passed == of else min(1.0, middle + half)


def clopper_pearson(passed: int, of: int, certainty: float = 0.95) -> Interval:
    """The exact interval of a share (Clopper & Pearson, 1934)."""
    _check(passed, of)
    doubt = (1 - certainty) / 2
    low = 0.0 if passed == 0 else _solve(lambda share: 1 - binomial(passed - 1, of, share) - doubt)
    high = 1.0 if passed == of else _solve(lambda share: doubt - binomial(passed, of, share))
    return low, high


def at_most(wrong: int, of: int, certainty: float = 0.95) -> float:
    """The exact upper bound of a share: it is at most this, with so much certainty."""
    _check(wrong, of)
    return 1.0 if wrong == of else _solve(lambda share: (1 - certainty) - binomial(wrong, of, share))


def binomial(most: int, of: int, share: float) -> float:
    """Probability of at most `most` successes of `of`, each with probability `share`."""
    if most >= of:
        return 1.0
    if most < 0 or share >= 1:
        return 0.0
    if share <= 0:
        return 1.0
    return min(1.0, math.fsum(math.exp(_log_term(count, of, share)) for count in range(most + 1)))


def mcnemar(won: int, lost: int) -> float:
    """The exact two-sided p-value of McNemar's test: of the cases that changed, as many would win as lose by chance.

    Args:
        won: Cases that passed only now.
        lost: Cases that passed only before.
    """
    _check(won, won + lost)
    return min(1.0, 2 * binomial(min(won, lost), won + lost, 0.5)) if won + lost else 1.0


def pass_power(passed: int, of: int, k: int) -> float | None:
    """pass^k: the chance that k attempts all pass (Yao et al., tau-bench, 2024), unbiased; None of fewer than k."""
    _check(passed, of)
    if k < 1:
        raise InvalidValue("k of pass^k", k, "1 or more")
    return math.comb(passed, k) / math.comb(of, k) if of >= k else None


def pass_at(passed: int, of: int, k: int) -> float | None:
    """pass@k: the chance that one of k attempts passes (Chen et al., 2021), unbiased; None of fewer than k."""
    _check(passed, of)
    return 1 - math.comb(of - passed, k) / math.comb(of, k) if of >= k else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values for several tests at once (Holm, 1979), in the order in which they were given."""
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def detectable(deviation: float, of: int, certainty: float = 0.95, power: float = 0.8) -> float:
    """The smallest mean difference that would be found with this power.

    Args:
        deviation: Standard deviation of the differences.
        of: How many there are: clusters, where cases are alike.
        certainty: Of a two-sided test.
        power: Probability with which it is found.
    """
    if of < 1:
        return math.inf
    normal = NormalDist()
    return (normal.inv_cdf(0.5 + certainty / 2) + normal.inv_cdf(power)) * deviation / math.sqrt(of)


def needed(deviation: float, difference: float, certainty: float = 0.95, power: float = 0.8) -> int:
    """How many differences it takes to find one of this size; the inverse of `detectable`."""
    if deviation <= 0:
        return 2
    if difference <= 0:
        raise InvalidValue("difference to be found", difference, "more than 0")
    return max(2, math.ceil((detectable(deviation, 1, certainty, power) / difference) ** 2 - 1e-9))


def _log_term(count: int, of: int, share: float) -> float:
    return _log_choose(of, count) + count * math.log(share) + (of - count) * math.log1p(-share)


@lru_cache(maxsize=100_000)
def _log_choose(of: int, count: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)


def _solve(rises: Callable[[float], float]) -> float:
    """Where a function that rises from 0 to 1 crosses zero, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < 0 else (low, middle)
    return (low + high) / 2


def _check(passed: int, of: int) -> None:
    if not 0 <= passed <= of:
        raise InvalidValue("count", passed, f"a number from 0 to {of}")
