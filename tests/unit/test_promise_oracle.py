"""Thresholds held against MAPIE's risk control, an independent library, on batches of which all is known.

Both test one threshold after the other, strict to loose, each at the whole doubt. MAPIE looks once, at the end, with an
exact test; what is won by betting may be looked at all the time, and so it asks for a little more. Asked at the end of
the batch it is never looser, and mostly stricter by a few steps of 2.5 % of the actions; fewer, the larger the batch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mapie.risk_control import BinaryClassificationController
from numpy.typing import NDArray

from baton.core import Promise
from baton.policies.promises import Method
from baton.policies.promises.betting import Wealth, lay_out, nearest

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Batch:
    scores: Array
    wrong: NDArray[np.bool_]


def draw(size: int, seed: int, ability: float = 3.2) -> Batch:
    rng = np.random.default_rng([5, seed])
    able = rng.normal(ability, 1.9, size)
    scores = 1 / (1 + np.exp(-0.8 * (able + rng.normal(0, 0.6, size))))
    return Batch(scores, rng.random(size) > 1 / (1 + np.exp(-able)))


def ours(batch: Batch, promise: Promise, thresholds: list[float]) -> int:
    """How many of these thresholds the bets prove in this order, by what they have won at the end of the batch."""
    wealth = Wealth()
    for score, wrong in zip(batch.scores.tolist(), batch.wrong.tolist(), strict=True):
        rank = sum(threshold > score for threshold in thresholds)
        wealth.take(rank, wrong, 1.0, promise.most_wrong)
    wealth.look(0)  # once, at the end
    start = nearest(Method.fitting(promise).first_share)
    reached = wealth.reached(start, promise.doubt)
    return 0 if reached is None else reached - start + 1


def theirs(batch: Batch, promise: Promise, thresholds: list[float]) -> int:
    """How many of these thresholds MAPIE controls, tested in this order."""
    right = 1 - batch.wrong.astype(int)

    def predict(scores: Any) -> NDArray[Any]:
        column = np.asarray(scores, dtype=float).reshape(-1)
        return np.column_stack([1 - column, column])

    controller = BinaryClassificationController(
        predict,
        risk="precision",
        target_level=1 - promise.most_wrong,
        confidence_level=promise.certainty,
        list_predict_params=np.array(thresholds),
        fwer_method="fixed_sequence",
    )
    controller.calibrate(batch.scores.reshape(-1, 1), right)
    return len(controller.valid_predict_params)


def steps(batch: Batch, promise: Promise) -> tuple[int, int]:
    """How many thresholds each of the two proves, from where proving begins on."""
    thresholds = lay_out(batch.scores[:80].tolist())
    start = nearest(Method.fitting(promise).first_share)
    return ours(batch, promise, thresholds), theirs(batch, promise, thresholds[start:])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("most_wrong", [0.05, 0.1])
@pytest.mark.parametrize("size", [400, 1000, 3000])
def test_thresholds_agree_with_an_independent_library(size: int, most_wrong: float) -> None:
    promise = Promise(most_wrong=most_wrong)
    found = [steps(draw(size, seed), promise) for seed in range(20)]
    assert all(mine <= other for mine, other in found)
    assert np.median([other - mine for mine, other in found]) <= (2 if size > 1000 else 5)
    assert max(other for _, other in found) > 5  # something was there to be proven
