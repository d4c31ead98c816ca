"""Promises: what is certified is kept, the record alone decides, and a change revokes at once."""

import json
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.core import InvalidValue
from baton.policies.promises import Certifier, Decision, Method, Promise
from baton.policies.promises.betting import BETS, SHARES, STAKES, Wealth, lay_out, nearest

PROMISE = Promise(most_wrong=0.1, certainty=0.9)
METHOD = Method.fitting(PROMISE)


@dataclass(frozen=True)
class Seen:
    """An action of a simulated stream."""

    id: str
    score: float
    wrong: bool
    coin: float


def stream(seed: int, length: int, risk: float, later: float | None = None) -> list[Seen]:
    """Errors that fall from twice the risk at score 0 to none at score 1; at `later` from the middle on."""
    draw = random.Random(seed)
    found: list[Seen] = []
    for number in range(length):
        score = draw.random()
        now = risk if later is None or number < length / 2 else later
        found.append(Seen(f"a{number}", score, draw.random() < 2 * now * (1 - score), draw.random()))
    return found


def follow(certifier: Certifier, actions: Iterable[Seen]) -> Iterator[tuple[Seen, Decision]]:
    """Let a certifier decide, with labels at once."""
    for one in actions:
        decision = certifier.decide(one.score)
        audited = decision.alone and one.coin < decision.audit
        certifier.record(one.id, one.score, decision, audited=audited)
        if audited or not decision.alone:
            assert certifier.label(one.id, wrong=one.wrong)
        yield one, decision


def alone(certifier: Certifier, actions: Iterable[Seen]) -> list[Seen]:
    return [one for one, decision in follow(certifier, actions) if decision.alone]


def test_an_unsafe_threshold_is_certified_as_seldom_as_promised() -> None:
    unsafe = 0
    for seed in range(200):
        wealth, draw = Wealth(), random.Random(seed)
        for _ in range(600):
            wealth.take(0, draw.random() < 0.1, 1.0, 0.1)  # exactly as many errors as promised
            wealth.look(0)
        unsafe += wealth.reached(0, 0.1) is not None
    assert unsafe <= 30  # 20 expected at most; 31 or more has a probability of 1 %


def test_audits_that_stand_for_many_certify_as_seldom_as_promised() -> None:
    unsafe = 0
    for seed in range(200):
        wealth, draw = Wealth(), random.Random(seed)
        for _ in range(1500):
            score, probability = draw.random(), 0.25
            wrong = draw.random() < 0.2 * (1 - score)  # 10 % over all
            if score < 0.5:  # goes to a person
                wealth.take(0, wrong, probability, 0.1)
            elif draw.random() < probability:
                wealth.take(0, wrong, 1.0, 0.1)
            wealth.look(0)
        unsafe += wealth.reached(0, 0.1) is not None
    assert unsafe <= 30


def test_the_promise_is_kept_over_short_streams_and_much_runs_alone() -> None:
    broken, share = 0, 0.0
    for seed in range(60):
        ran = alone(Certifier(PROMISE), stream(seed, 1000, 0.12))
        broken += sum(0.24 * (1 - one.score) for one in ran) > PROMISE.most_wrong * len(ran)
        share += len(ran) / 1000 / 60
    assert broken <= 6
    assert share > 0.2


def test_a_change_revokes_the_certificate_and_a_new_one_is_earned() -> None:
    certifier = Certifier(PROMISE)
    changing = stream(3, 3000, 0.08, later=0.4)
    first = alone(certifier, changing[:1500])
    assert certifier.standing().threshold is not None
    assert (certifier.standing().alarms, certifier.standing().last_alarm) == (0, None)
    during = alone(certifier, changing[1500:1800])
    standing = certifier.standing()
    assert (standing.threshold, standing.share) == (None, 0.0)
    assert standing.alarms > 0 and standing.last_alarm is not None and 1500 < standing.last_alarm < 1800
    assert len(first) > 900 and len(during) < 150
    assert certifier.decide(1.0) == Decision(False, 1.0)
    alone(certifier, stream(4, 1500, 0.05))
    assert certifier.standing().threshold is not None


def test_nothing_runs_alone_without_a_certificate() -> None:
    certifier = Certifier(PROMISE)
    assert certifier.decide(math.inf) == Decision(False, 1.0)
    for _, decision in follow(certifier, stream(1, 1500, 0.5)):
        assert decision == Decision(False, 1.0)
    standing = certifier.standing()
    assert (standing.threshold, standing.alone, standing.observed, standing.interval) == (None, 0, None, None)


def test_audits_never_fall_below_the_floor() -> None:
    audits = [decision.audit for _, decision in follow(Certifier(PROMISE), stream(2, 3000, 0.05)) if decision.alone]
    assert METHOD.audits_floor <= min(audits) < METHOD.audits_floor + 0.01
    assert max(audits) == METHOD.audits


EVENTS = st.lists(
    st.tuples(st.sampled_from((0.5, 0.9, 0.95, 0.97, 1.0)), st.booleans(), st.integers(0, 9)), max_size=60
)


@settings(max_examples=30, deadline=None)
@given(EVENTS, st.integers(0, 1000))
def test_a_restored_certifier_goes_on_as_if_nothing_had_been(events: list[tuple[float, bool, int]], at: int) -> None:
    before = Certifier(PROMISE)
    for _ in follow(before, stream(7, 60 + at, 0.08)):
        pass
    after = Certifier.restore(PROMISE, json.loads(json.dumps(before.state())))
    for number, (score, wrong, late) in enumerate(events):
        assert after.decide(score) == before.decide(score)
        for one in (before, after):
            one.record(f"e{number}", score, one.decide(score), audited=True)
            one.label(f"e{max(number - late, 0)}", wrong=wrong)
    assert after.state() == before.state()
    assert after.standing() == before.standing()


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_late_labels_changes_no_wealth(order: random.Random) -> None:
    patient = Method(**{**vars(METHOD), "learning": 10**6})  # no alarm on the way
    actions = stream(5, 300, 0.1)
    straight, mixed = Certifier(PROMISE, patient), Certifier(PROMISE, patient)
    for one in actions:
        for certifier in (straight, mixed):
            certifier.record(one.id, one.score, Decision(False, 1.0))
    for one in actions:
        straight.label(one.id, wrong=one.wrong)
    order.shuffle(actions)
    for one in actions:
        mixed.label(one.id, wrong=one.wrong)
    np.testing.assert_allclose(mixed.state()["wealth"][0], straight.state()["wealth"][0], atol=1e-9)


def test_a_label_counts_once_and_only_where_it_is_waited_for() -> None:
    certifier = Certifier(PROMISE)
    certifier.record("a", 0.9, Decision(False, 1.0))
    certifier.record("b", 0.9, Decision(True, 0.5))
    assert certifier.label("a", wrong=True)
    state = certifier.state()
    assert not certifier.label("a", wrong=True)  # came twice
    assert not certifier.label("b", wrong=True)  # ran alone, and was not audited
    assert not certifier.label("c", wrong=True)  # of another class
    assert certifier.state() == state


def test_labels_of_before_a_change_do_not_count_for_what_comes_after() -> None:
    certifier = Certifier(PROMISE)
    certifier.record("early", 0.99, Decision(False, 1.0))
    for _ in follow(certifier, stream(3, 3000, 0.08, later=0.4)[:1800]):
        pass
    assert certifier.standing().alarms > 0
    wealth = certifier.state()["wealth"]
    assert certifier.label("early", wrong=False)
    assert certifier.state()["wealth"] == wealth


@given(st.lists(st.tuples(st.integers(0, SHARES.size), st.booleans(), st.floats(0.01, 1)), max_size=300))
def test_no_label_can_ruin(labels: list[tuple[int, bool, float]]) -> None:
    wealth = Wealth()
    for rank, wrong, weight in labels:
        wealth.take(rank, wrong, weight, 0.05)
    assert np.isfinite(wealth.logs).all() and np.isfinite(wealth.now()).all()


def test_wealth_is_what_its_definition_says() -> None:
    wealth = Wealth()
    for wrong, weight in ((False, 1.0), (True, 0.5), (False, 0.25)):
        wealth.take(3, wrong, weight, 0.1)
    expected = sum(
        math.exp(stake) * (1 + bet * 0.1 / 0.9) * (1 - bet * 0.5) * (1 + bet * 0.25 * 0.1 / 0.9)
        for stake, bet in zip(STAKES.tolist(), BETS.tolist(), strict=True)
    )
    assert math.exp(float(wealth.now()[3])) == pytest.approx(expected)
    assert math.exp(float(wealth.now()[2])) == pytest.approx(1)


def test_thresholds_are_tested_one_after_the_other() -> None:
    wealth = Wealth(peaks=[9.0, 0.0, 9.0, 9.0, 1.0, 9.0, *[0.0] * (SHARES.size - 6)])
    assert [wealth.reached(start, 0.05) for start in range(6)] == [0, None, 3, 3, None, 5]


def test_scores_that_are_alike_share_a_threshold() -> None:
    thresholds = lay_out([0.9] * 50 + [0.7] * 30)
    assert thresholds[0] == thresholds[nearest(0.5)] == 0.9
    assert thresholds[-1] == 0.7
    certifier = Certifier(PROMISE)
    certain = [Seen(f"s{number}", 0.9, False, 0.5) for number in range(300)]
    assert len(alone(certifier, certain)) > 150
    assert certifier.decide(0.9).alone and not certifier.decide(0.89).alone


def test_the_state_stays_small() -> None:
    certifier = Certifier(PROMISE)
    draw = random.Random(1)
    for number in range(2000):
        certifier.record(f"run_{number:030}", draw.random(), certifier.decide(0.5))
    assert len(json.dumps(certifier.state())) < 50_000
    assert not certifier.label(f"run_{0:030}", wrong=False)  # given up
    assert certifier.label(f"run_{1999:030}", wrong=False)


def test_what_is_needed_is_estimated() -> None:
    certifier = Certifier(Promise(most_wrong=0.03))
    actions = stream(6, 3000, 0.02)
    for _ in follow(certifier, actions[:150]):
        pass
    needed = certifier.standing().decisions_needed
    assert needed is not None
    took = next(number for number, (_, decision) in enumerate(follow(certifier, actions[150:])) if decision.alone)
    assert needed / 4 < took < needed * 4
    certifier = Certifier(PROMISE)
    for _ in follow(certifier, stream(8, 1000, 0.05)):
        pass
    standing = certifier.standing()
    assert standing.observed is not None and standing.interval is not None
    assert 0 <= standing.interval[0] < standing.observed < standing.interval[1] < 0.2
    assert 0.4 < standing.share <= 1


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 5.0])
def test_what_is_promised_is_a_share(share: float) -> None:
    with pytest.raises(InvalidValue, match="most_wrong"):
        Promise(most_wrong=share)
    with pytest.raises(InvalidValue, match="certainty"):
        Promise(certainty=share)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_is_a_finite_number(score: float) -> None:
    certifier = Certifier(PROMISE)
    with pytest.raises(InvalidValue, match="score"):
        certifier.record("a", score, Decision(False, 1.0))


def overlook(actions: Iterable[Seen], share: float, seed: int) -> Iterator[Seen]:
    """The same actions as reviewers see them who overlook this share of the errors."""
    draw = random.Random(seed)
    return (replace(one, wrong=one.wrong and draw.random() >= share) for one in actions)


def test_the_promise_is_kept_with_reviewers_who_are_known_to_overlook_errors() -> None:
    share, broken = dict[bool, float](), dict[bool, int]()
    for told in (False, True):
        share[told], broken[told] = 0.0, 0
        for seed in range(60):
            certifier = Certifier(PROMISE)
            certifier.overlooked(0.3 if told else 0.0)
            ran = alone(certifier, overlook(stream(seed, 1500, 0.12), 0.3, seed))
            broken[told] += sum(0.24 * (1 - one.score) for one in ran) > PROMISE.most_wrong * len(ran)
            share[told] += len(ran) / 1500 / 60
    assert broken[True] <= 3 < broken[False]
    assert 0.1 < share[True] < share[False] - 0.1


def test_reported_errors_forbid_and_count_once() -> None:
    certifier = Certifier(PROMISE)
    actions = stream(5, 1500, 0.08)
    ran = [one.id for one in alone(certifier, actions)]
    before = certifier.standing()
    for id in ran[:100]:
        assert certifier.reported(id)
    state = certifier.state()
    assert not certifier.reported(ran[0])
    assert certifier.state() == state
    standing = certifier.standing()
    assert (before.reported, standing.reported) == (0, 100)
    assert before.threshold is not None
    assert standing.threshold is None or standing.threshold > before.threshold
    assert standing.evidence == before.evidence
    after = Certifier.restore(PROMISE, json.loads(json.dumps(state)))
    assert after.standing() == standing
    assert not after.reported(ran[0])


def test_what_is_waited_for_is_labelled_and_not_reported() -> None:
    certifier = Certifier(PROMISE)
    certifier.record("audited", 0.9, Decision(True, 0.5), audited=True)
    assert not certifier.reported("audited")
    assert certifier.label("audited", wrong=True)
    assert certifier.standing().reported == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 60), st.sampled_from((0.0, 0.005, 0.25, 0.9)))
def test_what_is_reported_or_overlooked_never_lets_more_run_alone(at: int, reports: int, share: float) -> None:
    certifier = Certifier(PROMISE)
    for _ in follow(certifier, stream(7, 400 + at, 0.05)):
        pass
    before = certifier.decide(0.0), certifier.standing()
    for number in range(reports):
        certifier.reported(f"late{number}")
    certifier.overlooked(share)
    after = certifier.standing()
    assert before[0].alone or not certifier.decide(0.0).alone
    assert after.threshold is None or (before[1].threshold is not None and after.threshold >= before[1].threshold)


def test_what_is_overlooked_is_a_share_in_whole_percents() -> None:
    certifier = Certifier(PROMISE)
    for share, noticed in ((0.0, 1.0), (0.3, 0.7), (0.07, 0.93), (0.301, 0.69), (0.9, 0.1)):
        certifier.overlooked(share)
        assert certifier.state()["noticed"] == pytest.approx(noticed)
    for bad in (-0.01, 0.91, math.nan, math.inf):
        with pytest.raises(InvalidValue, match="share"):
            certifier.overlooked(bad)


def test_a_slow_change_keeps_the_promise() -> None:
    broken, share = 0, 0.0
    for seed in range(25):
        draw, certifier = random.Random(seed), Certifier(PROMISE)
        expected = {}
        for number in range(2500):
            score = draw.random()
            risk = (0.1 + 0.2 * number / 2500) * 2 * (1 - score)
            expected[f"a{number}"] = Seen(f"a{number}", score, draw.random() < risk, draw.random()), risk
        ran = [expected[one.id][1] for one in alone(certifier, [one for one, _ in expected.values()])]
        broken += sum(ran) > PROMISE.most_wrong * len(ran)
        share += len(ran) / 2500 / 25
    assert broken <= 2
    assert share > 0.1


@pytest.mark.parametrize("before", [500, 1500])
def test_what_was_bad_comes_back_soon_when_it_is_good(before: int) -> None:
    certifier = Certifier(PROMISE)
    assert not alone(certifier, stream(1, before, 0.4))
    assert len(alone(certifier, stream(2, 1000, 0.06))) > 400


def test_what_is_proven_stands_when_errors_become_rarer() -> None:
    certifier = Certifier(PROMISE)
    alone(certifier, stream(1, 2000, 0.16))
    before = certifier.standing()
    assert before.threshold is not None and before.share < 0.6
    better = stream(2, 1500, 0.01)
    ran = alone(certifier, better)
    assert certifier.standing().alarms == before.alarms
    assert len(ran) > 1000 and all(one in ran for one in better if one.score >= before.threshold)
