"""Scores: the rule, the regression that takes its place where it ranks better, and the marks of a call's arguments."""

import numpy as np
import pytest

from baton.core import Action, ActionId, RunId
from baton.policies.promises.scoring import ENOUGH, Fitted, Labelled, compare, ruled, traits_of


def labels(count: int, *, telling: str, seed: int = 1) -> list[Labelled]:
    """Labels of which one signal tells much, the stated confidence nothing."""
    draw = np.random.default_rng(seed)
    found: list[Labelled] = []
    for _ in range(count):
        ability = float(draw.random())
        signals = {"confidence": float(draw.random()), "errors": 0.0, "grounded": 1.0, telling: ability}
        found.append(Labelled(signals, bool(draw.random() > 0.1 + 0.9 * ability), 1.0))
    return found


def fit(known: list[Labelled]) -> Fitted | None:
    """What takes the place of the rule; None where it stays."""
    found = compare(known)
    return found.fitted if found is not None and found.better else None


def call(**arguments: object) -> Action:
    made = {"id": ActionId("run_a.1.0"), "run": RunId("run_a"), "agent": "clerk", "tool": "pay", "version": "1"}
    return Action(**made, arguments=arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"confidence": 0.9}, {"confidence": 0.6}),
        ({"confidence": 0.9}, {}),
        ({"agreement": 1.0}, {"agreement": 0.25}),
        ({"judge": 0.9}, {"judge": 0.1}),
        ({"verified": 1.0}, {"verified": 0.0}),
        ({"margin": 3.0}, {"margin": 0.1}),
        ({"grounded": 1.0}, {"grounded": 0.5}),
        ({"errors": 0.0}, {"errors": 2.0}),
        ({"novelty": 0.1}, {"novelty": 0.9}),
        ({"history": 0.97}, {"history": 0.6}),
    ],
)
def test_the_rule_ranks_by_each_signal(better: dict[str, float], worse: dict[str, float]) -> None:
    rest = {"confidence": 0.7, "errors": 1.0, "grounded": 0.7, "novelty": 0.5, "history": 0.9}
    low = {**rest, **worse} if worse else {name: value for name, value in rest.items() if name != "confidence"}
    assert 0 <= ruled(low) < ruled({**rest, **better}) <= 1


def test_a_regression_is_fitted_where_it_ranks_better_than_the_rule() -> None:
    known = labels(400, telling="judge")
    found = fit(known)
    assert found is not None
    high, low = ({**known[0].signals, "judge": value} for value in (0.95, 0.05))
    assert found.score(high) - found.score(low) > 0.3
    assert abs(found.score({**high, "confidence": 0.1}) - found.score({**high, "confidence": 0.9})) < 0.15
    read = Fitted.read(found.document())
    assert read == found and read.id == found.id and read.id != fit(labels(400, telling="judge", seed=2)).id  # type: ignore[union-attr]


def test_the_rule_stays_where_nothing_is_gained_or_little_known() -> None:
    assert fit(labels(ENOUGH - 1, telling="judge")) is None
    right = [Labelled(one.signals, False, 1.0) for one in labels(400, telling="judge")]
    assert fit(right) is None
    draw = np.random.default_rng(3)
    by_rule = [
        Labelled(one.signals, bool(draw.random() > ruled(one.signals)), 1.0) for one in labels(600, telling="judge")
    ]
    assert fit(by_rule) is None


def test_weights_of_audits_count() -> None:
    known = labels(400, telling="judge")
    doubled = [Labelled(one.signals, one.wrong, 2.0) for one in known[:200]] + known[200:]
    twice = [*known[:200], *known]
    first, second = fit(doubled), fit(twice)
    assert first is not None and second is not None
    assert np.allclose(first.weights, second.weights, atol=0.12)


def test_a_fit_to_other_signals_is_not_used() -> None:
    found = fit(labels(400, telling="judge"))
    assert found is not None
    document = found.document() | {"names": ["confidence"]}
    assert Fitted.read(document) is None


def test_traits_tell_kinds_of_calls_apart_and_not_each_call() -> None:
    usual = traits_of(call(order="A-10231", cents=480, reason="It came broken and I want my money."))
    like_it = traits_of(call(order="A-10977", cents=455, reason="It never came at all, please pay back."))
    other = traits_of(call(order="A-10231", cents=48_000, to="elsewhere", reason="Now."))
    assert len(set(usual) & set(like_it)) >= 3
    assert len(set(usual) & set(other)) < len(set(usual) & set(like_it))
    assert all(0 <= trait < 256 for trait in (*usual, *other, *traits_of(call(list=[1, {"a": None}], flag=True))))
