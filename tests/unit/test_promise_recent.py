"""What was wrong lately: the curve through the labels, and what ran alone against what it allows for."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.policies.promises import Certifier, Promise
from baton.policies.promises.account import Account
from baton.policies.promises.betting import SHARES, nearest
from baton.policies.promises.recent import Recent, risk

RANKS = SHARES.size + 1


def test_credit_goes_by_what_is_estimated_and_what_is_known() -> None:
    account = Account()
    account.alone = 100
    assert account.credit(0.1, 1.0) == 100
    account.take(True, 4.0)
    assert account.credit(0.1, 1.0) == pytest.approx(60)
    assert account.credit(0.1, 0.5) == pytest.approx(20)
    account.reported = 2
    assert account.credit(0.1, 1.0) == pytest.approx(60)  # three are known, four estimated
    account.reported = 8
    assert account.credit(0.1, 1.0) == pytest.approx(10)


def test_the_curve_is_the_one_that_made_the_labels() -> None:
    seen = np.full(RANKS, 1000.0)
    true = risk(np.full(RANKS, 1e9), np.full(RANKS, 1e9) * np.linspace(0.01, 0.4, RANKS), 0.0)  # any such curve
    np.testing.assert_allclose(risk(seen, seen * true, 0.0), true, rtol=0.02)
    upper = risk(seen, seen * true, 1.0)
    assert (upper > true).all() and (upper < 1.25 * true).all()
    assert (risk(seen / 10, seen * true / 10, 1.0) > upper).all()  # fewer labels, less certainty


@pytest.mark.parametrize("rank", [0, 1, 17, RANKS - 1])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("labels", [1000.0, 1e5])
def test_where_all_scores_are_alike_the_curve_goes_through_what_was_seen(
    rank: int, share: float, labels: float
) -> None:
    seen, wrong = np.zeros(RANKS), np.zeros(RANKS)
    seen[rank], wrong[rank] = labels, share * labels
    assert risk(seen, wrong, 0.0)[rank] == pytest.approx(share, rel=0.05)


def test_scores_that_are_all_alike_stop_running_alone_when_errors_come() -> None:
    for most_wrong, soon in ((0.05, 130), (0.1, 150)):
        certifier, ran = Certifier(Promise(most_wrong=most_wrong)), list[bool]()
        draw = random.Random(3)
        for number in range(800):
            decision = certifier.decide(0.85)
            audited = decision.alone and draw.random() < decision.audit
            certifier.record(f"a{number}", 0.85, decision, audited=audited)
            if audited or not decision.alone:
                certifier.label(f"a{number}", wrong=number >= 500)
            ran.append(decision.alone)
        assert sum(ran[400:500]) == 100
        assert not any(ran[500 + soon :])


def test_errors_seen_outweigh_the_curve_where_they_are_many() -> None:
    recent = Recent()
    for number in range(4000):  # no error up to the middle and many below, which no such curve describes
        rank = number % RANKS
        recent.take(rank, rank > 18 and number % 5 < 2, 1.0, 1e9)
    middle = nearest(0.55)
    believed = recent.loosest(middle, 0.02, 1.0, 1e9)
    assert believed is not None and believed < middle
    assert recent.loosest(middle, 0.02, 1.0, 30.0) == middle
    assert recent.loosest(middle, 0.0, 1.0, 30.0) is None


@given(st.lists(st.tuples(st.integers(0, SHARES.size), st.booleans(), st.integers(1, 4)), max_size=200))
def test_the_curve_is_always_a_share(labels: list[tuple[int, bool, int]]) -> None:
    recent = Recent()
    for rank, wrong, stands_for in labels:
        recent.take(rank, wrong, stands_for, 100.0)
    shares = risk(recent.seen, recent.wrong, 0.5)
    assert np.isfinite(shares).all() and (shares > 0).all() and (shares < 1).all()
