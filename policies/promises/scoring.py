"""One score from many signals. It only ranks: how good it is decides how much runs alone, not whether a promise holds.

Before enough labels are there, a fixed rule: the weighted mean of what each signal says of the action being right.
After that, a logistic regression on the same signals, fitted once. Another scorer begins another certificate.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baton.core import Action, dump

Array = NDArray[np.float64]

RULE = "rule"
"""The id of the fixed rule."""

ENOUGH = 200
"""Labels from which a regression is fitted."""

GAIN = 0.02
"""Of AUROC, by cross-validation: what a fitted score must gain to be used."""

TRAITS = 256
"""Different marks of a call's arguments."""

FOLDS = 5
"""Of the cross-validation."""

_RIDGE, _ROUNDS = 1.0, 30


def _as_is(value: float) -> float:
    return value


def _fewer_is_better(value: float) -> float:
    return 1 / (1 + max(value, 0.0))


_SIGNALS: Mapping[str, tuple[float, Callable[[float], float]]] = {
    "confidence": (3.0, _as_is),
    "agreement": (3.0, _as_is),
    "judge": (3.0, _as_is),
    "verified": (2.0, _as_is),
    "margin": (1.0, lambda margin: 1 - math.exp(-max(margin, 0.0))),
    "grounded": (1.0, _as_is),
    "errors": (1.0, _fewer_is_better),
    "novelty": (1.0, lambda novelty: 1 - novelty),
    "history": (1.0, _as_is),
}
"""By name: its weight in the rule, and how to make it a number from 0, surely wrong, to 1, surely right.

- `confidence`: the agent's own. Left out where it gave none, which counts as 1/2.
- `agreement`: the share of further samples of the same request in which the same call was proposed.
- `judge`: what a second model says of the call.
- `verified`: 1 where the tool's own check has found the call to do what it says, 0 where it has not.
- `margin`: the least log-probability margin of the call's tokens.
- `grounded`: the share of the arguments that come from the user or from verified records.
- `errors`: calls that were no calls, and tries that failed, in this run so far.
- `novelty`: how unlike earlier calls of the class this one is, 0 to 1.
- `history`: the share of right ones among the latest labels of this class and tool, smoothed.
"""

NAMES = tuple(_SIGNALS)

RULE_WEIGHTS: Mapping[str, float] = {name: weight for name, (weight, _) in _SIGNALS.items()}
"""What each signal counts in the rule."""


def ruled(signals: Mapping[str, float]) -> float:
    """The score by the rule, from 0 to 1."""
    known = {"confidence": 0.5, **signals}
    parts = [(weight, read(known[name])) for name, (weight, read) in _SIGNALS.items() if name in known]
    return sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts)


def traits_of(action: Action) -> tuple[int, ...]:
    """Marks of a call's arguments, from 0 to 255: which there are, short texts as they are, others by their size."""
    found = {f"{name}={_sort(value)}" for name, value in action.arguments.items()} | {f"tool={action.tool}"}
    return tuple(sorted({hashlib.sha256(mark.encode()).digest()[0] for mark in found}))


@dataclass(frozen=True)
class Fitted:
    """A logistic regression on standardised signals.

    Attributes:
        means: Of each signal of NAMES that was there, as the rule reads it; a missing one counts as the mean.
        spreads: Their standard deviations; 0 for one that never differed, which then says nothing.
        weights: For each signal, then the constant.
    """

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[float, ...]

    def score(self, signals: Mapping[str, float]) -> float:
        """How likely the action is right, from 0 to 1."""
        total = self.weights[-1]
        for name, mean, spread, weight in zip(NAMES, self.means, self.spreads, self.weights, strict=False):
            if spread and name in signals:
                total += weight * (_SIGNALS[name][1](signals[name]) - mean) / spread
        return 1 / (1 + math.exp(-min(max(total, -30.0), 30.0)))

    def document(self) -> dict[str, Any]:
        """As it is recorded."""
        return {"names": list(NAMES), **{name: list(values) for name, values in vars(self).items()}}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Fitted | None":
        """As it was recorded; None where it was fitted to other signals than there are today."""
        if tuple(document["names"]) != NAMES:
            return None
        return cls(tuple(document["means"]), tuple(document["spreads"]), tuple(document["weights"]))

    @property
    def id(self) -> str:
        """By which its scores are told from those of others."""
        return "fit_" + hashlib.sha256(dump(self.document()).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Labelled:
    """A decision with its label.

    Attributes:
        weight: How many decisions it stands for: 1 over the probability that it was labelled.
    """

    signals: Mapping[str, float]
    wrong: bool
    weight: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a fitted score would be worth beside the one in use.

    Attributes:
        labels: How many labels they are compared on.
        wrong: How many of those say that the action was wrong.
        used: The AUROC of the score in use.
        learnt: That of a fitted one, by cross-validation.
        fitted: The one fitted to all the labels.
    """

    labels: int
    wrong: int
    used: float
    learnt: float
    fitted: Fitted

    @property
    def better(self) -> bool:
        """Whether the fitted one ranks so much better that it is worth a new beginning."""
        return self.learnt >= self.used + GAIN


def compare(labels: Sequence[Labelled], used: Callable[[Mapping[str, float]], float] = ruled) -> Comparison | None:
    """Fit a regression to labels and compare it with the score in use; None where there are too few of a kind."""
    wrong = np.array([one.wrong for one in labels], dtype=bool)
    if len(labels) < ENOUGH or min(int(wrong.sum()), int((~wrong).sum())) < FOLDS:
        return None
    folds = np.arange(len(labels)) % FOLDS
    found = np.zeros(len(labels))
    for fold in range(FOLDS):
        learnt = _fitted([one for one, of in zip(labels, folds, strict=True) if of != fold])
        for place in np.flatnonzero(folds == fold).tolist():
            found[place] = learnt.score(labels[place].signals)
    return Comparison(
        labels=len(labels),
        wrong=int(wrong.sum()),
        used=_auroc(np.array([used(one.signals) for one in labels]), wrong),
        learnt=_auroc(found, wrong),
        fitted=_fitted(labels),
    )


def _fitted(labels: Sequence[Labelled]) -> Fitted:
    """By Newton's method; the penalty keeps weights small where labels are few."""
    values = np.array([[_value(one.signals, name) for name in NAMES] for one in labels])
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    centred = np.where(known, values - means, 0.0)
    spreads = np.sqrt((centred**2).sum(axis=0) / counts)
    spreads[spreads < 1e-9] = 0.0
    columns = np.hstack([centred / np.where(spreads > 0, spreads, 1.0), np.ones((len(labels), 1))])
    right = np.array([not one.wrong for one in labels], dtype=np.float64)
    weight = np.array([one.weight for one in labels])
    penalty = np.diag([_RIDGE] * len(NAMES) + [1e-6])
    found = np.zeros(columns.shape[1])
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -30, 30)))
        slope = columns.T @ (weight * (right - chance)) - penalty @ found
        bend = (columns * (weight * chance * (1 - chance))[:, None]).T @ columns + penalty
        step = np.linalg.solve(bend, slope)
        found += step
        if float(np.abs(step).max()) < 1e-9:
            break
    return Fitted(tuple(means.tolist()), tuple(spreads.tolist()), tuple(found.tolist()))


def _value(signals: Mapping[str, float], name: str) -> float:
    return _SIGNALS[name][1](signals[name]) if name in signals else math.nan


def _auroc(scores: Array, wrong: NDArray[np.bool_]) -> float:
    """The probability that a right one scores higher than a wrong one; ties count half."""
    bad = np.sort(scores[wrong])
    below, upto = (np.searchsorted(bad, scores[~wrong], side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * bad.size))


def _sort(value: object) -> str:
    """What kind of value it is."""
    match value:
        case bool() | None:
            return str(value)
        case int() | float():
            return f"{math.copysign(1, value)}*2^{round(math.log2(abs(value) + 1))}"
        case str():
            return value if len(value) <= 24 and value.isalpha() else f"text of 2^{len(value).bit_length()}"
        case _:
            return f"{type(value).__name__} of 2^{len(dump(value)).bit_length()}"
