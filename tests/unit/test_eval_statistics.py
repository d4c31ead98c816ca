"""The statistics of evaluation against scipy, brute force, and simulation of what they promise."""

import itertools
import math
import random

import pytest
from scipy import stats  # type: ignore[import-untyped]

from baton.core import InvalidValue
from baton.evals.bootstrap import interval_of_mean, paired
from baton.evals.calibration import (
    Stated,
    area,
    calibration,
    expected_error,
    risk_coverage,
    smallest,
    threshold_by_test,
)
from baton.evals.competence import Competent
from baton.evals.intervals import (
    at_most,
    binomial,
    clopper_pearson,
    detectable,
    holm,
    mcnemar,
    needed,
    pass_at,
    pass_power,
    wilson,
)

COUNTS = [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (29, 60), (59, 60), (0, 59), (7, 500)]


@pytest.mark.parametrize(("passed", "of"), COUNTS)
@pytest.mark.parametrize("certainty", [0.9, 0.95, 0.99])
def test_intervals_of_shares_are_those_of_scipy(passed: int, of: int, certainty: float) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        theirs = stats.binomtest(passed, of).proportion_ci(certainty, method=method)
        assert ours(passed, of, certainty) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_upper_bound_is_exact() -> None:
    assert at_most(0, 59) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert at_most(0, 59) < 0.05 < at_most(0, 58)
    assert at_most(0, 299) < 0.01 + 1e-4
    for wrong, of in ((0, 20), (2, 40), (13, 50)):
        assert at_most(wrong, of) == pytest.approx(stats.beta.ppf(0.95, wrong + 1, of - wrong), abs=1e-9)


def test_binomial_probabilities_are_those_of_scipy() -> None:
    for most, of, share in itertools.product((0, 3, 17), (17, 90), (0.01, 0.5, 0.97)):
        assert binomial(most, of, share) == pytest.approx(stats.binom.cdf(most, of, share), abs=1e-12)


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 0), (5, 1), (3, 3), (12, 2), (40, 61)])
def test_mcnemar_is_the_exact_binomial_test(won: int, lost: int) -> None:
    expected = stats.binomtest(won, won + lost, 0.5).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(expected, abs=1e-12)


def test_pass_power_and_pass_at_are_what_counting_all_choices_gives() -> None:
    for of, passed in ((5, 3), (6, 6), (4, 0)):
        attempts = [True] * passed + [False] * (of - passed)
        for k in range(1, of + 1):
            choices = list(itertools.combinations(attempts, k))
            assert pass_power(passed, of, k) == pytest.approx(sum(map(all, choices)) / len(choices))
            assert pass_at(passed, of, k) == pytest.approx(sum(map(any, choices)) / len(choices))
    assert pass_power(2, 2, 3) is None
    with pytest.raises(InvalidValue, match="1 or more"):
        pass_power(2, 2, 0)


def test_holm_is_the_published_procedure() -> None:
    given = [0.01, 0.04, 0.03, 0.005]
    assert holm(given) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_a_detectable_difference_is_found_about_as_often_as_it_says() -> None:
    dice = random.Random(4)
    size = detectable(1.0, 50)
    assert size == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / math.sqrt(50))
    assert needed(1.0, size) == 50
    found = 0
    for _ in range(400):
        mean = sum(dice.gauss(size, 1.0) for _ in range(50)) / 50
        found += abs(mean) * math.sqrt(50) > stats.norm.ppf(0.975)
    assert 0.72 < found / 400 < 0.88


def test_the_bootstrap_agrees_with_the_normal_interval_of_many_values() -> None:
    dice = random.Random(1)
    values = {str(at): dice.gauss(0.3, 1.0) for at in range(400)}
    found = paired(values, {}, resamples=4000)
    mean = sum(values.values()) / 400
    half = stats.norm.ppf(0.975) * (stats.tstd(list(values.values())) / 20)
    assert found.mean == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half), abs=0.02)
    assert interval_of_mean([2.0]) == (2.0, 2.0)


def test_cases_that_are_alike_count_as_one() -> None:
    dice = random.Random(2)
    one_each = {f"c{at}": dice.gauss(0.0, 1.0) for at in range(40)}
    tenfold = {f"{name}-{copy}": value for name, value in one_each.items() for copy in range(10)}
    alone = paired(one_each, {}, resamples=3000)
    together = paired(tenfold, {name: name.split("-")[0] for name in tenfold}, resamples=3000)
    naive = paired(tenfold, {}, resamples=3000)
    assert together.clusters == 40
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert naive.high - naive.low < 0.5 * (together.high - together.low)


def test_where_nothing_differs_a_difference_is_flagged_no_oftener_than_it_may_be() -> None:
    dice, flagged = random.Random(3), 0
    for play in range(300):
        differences = {str(at): float(dice.choice((-1, 0, 0, 0, 1))) for at in range(60)}
        found = paired(differences, {}, resamples=600, seed=play)
        flagged += found.low > 0 or found.high < 0
    assert flagged / 300 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def test_the_area_under_the_curve_is_the_mean_risk_over_all_orders_of_ties() -> None:
    said = [Stated(0.9, True), Stated(0.9, False), Stated(0.7, True), Stated(0.4, False)]
    assert [(one.coverage, one.risk) for one in risk_coverage(said)] == [(0.5, 0.5), (0.75, 1 / 3), (1.0, 0.5)]
    risks = [0.5 / 1, 1 / 2, 1 / 3, 2 / 4]  # of the two that are tied half a mistake is expected first
    assert area(said) == pytest.approx(sum(risks) / 4)


def test_calibration_error_and_brier_score_are_what_they_are_defined_as() -> None:
    said = [Stated(0.95, True), Stated(0.95, True), Stated(0.95, False), Stated(0.35, False), Stated(1.0, True)]
    found = calibration(said)
    assert found is not None
    inside = [0.95, 0.95, 0.95, 1.0]
    expected = 0.8 * abs(sum(inside) / 4 - 0.75) + 0.2 * 0.35
    assert expected_error(said) == pytest.approx(expected)
    assert found.brier == pytest.approx((0.05**2 * 2 + 0.95**2 + 0.35**2) / 5)
    assert [one.count for one in found.bins] == [1, 4]
    assert calibration([]) is None


@pytest.mark.parametrize("shift", [0.0, 0.8, -0.8])
def test_miscalibration_of_a_known_size_is_measured_within_its_interval(shift: float) -> None:
    """A mind says by `shift` more than it knows: the gap between what it says and is can be worked out."""
    mind = Competent(mind=None, spoil=None, tools=frozenset(), shift=shift)  # type: ignore[arg-type]
    inside = 0
    for play in range(50):
        dice = random.Random(play)
        probabilities = [1 / (1 + math.exp(-dice.gauss(1.5, 1.2))) for _ in range(200)]
        said = [Stated(mind.stated(one), dice.random() < one) for one in probabilities]
        true_gap = sum(mind.stated(one) - one for one in probabilities) / 200
        found = calibration(said, resamples=300, seed=play)
        assert found is not None
        inside += found.gap_interval[0] <= true_gap <= found.gap_interval[1]
    assert inside >= 50 * 0.95 - 3 * math.sqrt(50 * 0.95 * 0.05)


def test_a_threshold_by_test_keeps_its_promise_and_the_curve_does_not() -> None:
    """Of error at most 10 %, the threshold read off the curve breaks its word far oftener than 5 %."""
    broken_tested = broken_read = certified = 0
    plays = 100
    for play in range(plays):
        dice = random.Random(play)
        drawn = [(confidence := dice.random(), dice.random() < 0.5 + 0.5 * confidence) for _ in range(500)]
        said = [Stated(round(confidence, 3), right) for confidence, right in drawn]

        def truth(threshold: float) -> float:
            return 0.5 - 0.5 * (1 + threshold) / 2  # the mean of what is wrong above it

        tested = threshold_by_test(said, 0.1)
        if tested.threshold is not None:
            certified += 1
            broken_tested += truth(tested.threshold) > 0.1
        read = [one for one in risk_coverage(said) if one.risk <= 0.1 and one.alone > 5]
        if read:
            broken_read += truth(min(read, key=lambda one: one.threshold).threshold) > 0.1
    assert broken_tested / plays < 0.05 + 3 * math.sqrt(0.05 * 0.95 / plays)
    assert broken_read / plays > 0.2
    assert certified > 0


def test_too_few_actions_are_told_how_many_more_it_takes() -> None:
    found = threshold_by_test([Stated(0.95, True)] * 10, 0.05)
    assert found.threshold is None
    assert found.needed == smallest(0.05, 0.95) - 10 == 49
    enough = threshold_by_test([Stated(0.95, True)] * 60, 0.05)
    assert enough.threshold == 0.5
    assert enough.bound == pytest.approx(at_most(0, 60))
    with pytest.raises(InvalidValue, match="share between 0 and 1"):
        threshold_by_test([], 0.0)
