"""The gate: whether an evaluation is good enough, by what a versioned file asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from baton.core import InvalidFile, digest
from baton.core.texts import percent
from baton.core.yaml_file import line_of, read_yaml
from baton.evals.calibration import calibration, smallest
from baton.evals.comparing import Compared, Comparison
from baton.evals.intervals import at_most
from baton.evals.metrics import METRICS, measured
from baton.evals.results import Results

FEWEST = 30
"""Clusters of cases below which nothing is concluded, where a gate does not say otherwise."""

SAME_PLAY = ("dataset", "people", "setting", "scorers")
"""What two evaluations must share to be held against each other: else it is the play that differs."""


class Word(StrEnum):
    """What a gate says. Exit codes: 0, 5, 6, 7."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


_TONES: Mapping[str, str] = {
    Word.PASS: "good",
    Word.FAIL: "bad",
    Word.INCONCLUSIVE: "warn",
    Word.INVALID: "warn",
}

_STRICT = ConfigDict(extra="forbid")
Share = Annotated[float, Field(ge=0, le=1)]


class Limits(BaseModel):
    """What a metric has to be, with its whole interval."""

    model_config = _STRICT

    at_least: float | None = None
    at_most: float | None = None


class Guard(BaseModel):
    """By how much a metric may be worse than in the baseline: non-inferiority."""

    model_config = _STRICT

    margin: float = Field(gt=0)


class Tested(BaseModel):
    """From which confidence on actions may run alone, and what share of these may be wrong."""

    model_config = _STRICT

    confidence: Share
    most_wrong: Annotated[float, Field(gt=0, lt=1)]
    tool: str | None = None


class GateFile(BaseModel):
    """What a gate asks.

    Attributes:
        version: Of this form; 1.
        name: What it is called.
        suite: The suite that it is for; None is any.
        fewest: Clusters of cases below which nothing is concluded.
        errors: Share of the attempts that may say nothing, as the infrastructure failed.
        certainty: Of all its intervals.
        limits: What metrics have to be, by name.
        guarded: By how much metrics may be worse than in the baseline.
        improves: The one metric that has to be better than in the baseline; None asks for none.
        threshold: From which confidence on actions run alone, and how much of that may be wrong.
        gap: How far stated confidence may lie from the truth; None is any distance.
    """

    model_config = _STRICT

    version: Literal[1]
    name: str = Field(min_length=1)
    suite: str | None = None
    fewest: int = Field(FEWEST, ge=2)
    errors: Share = 0.02
    certainty: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    limits: dict[str, Limits] = {}
    guarded: dict[str, Guard] = {}
    improves: str | None = None
    threshold: Tested | None = None
    gap: Share | None = None


@dataclass(frozen=True)
class Gate:
    """A gate as it was read."""

    file: Path
    asks: GateFile

    @property
    def digest(self) -> str:
        """SHA-256 over all that it asks."""
        return digest(self.asks.model_dump(mode="json"))


@dataclass(frozen=True)
class Verdict:
    """What a gate says of an evaluation, and why."""

    word: Word
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """What one question of the gate came to."""

    word: Word
    says: str


def load_gate(path: Path) -> Gate:
    """Read a gate.

    Raises:
        InvalidFile: if it says something that is not allowed; names file, line, field and what is allowed.
    """
    asks, tree = read_yaml(path, GateFile)
    names: list[tuple[str | int, ...]] = [("limits", name) for name in asks.limits]
    names += [("guarded", name) for name in asks.guarded]
    names += [("improves", asks.improves)] if asks.improves is not None else []
    for place, name in names:
        if name not in METRICS:
            where = (place,) if place == "improves" else (place, name)
            raise InvalidFile(str(path), line_of(tree, where), str(place), name, f"metrics: {', '.join(METRICS)}")
    return Gate(path, asks)


def verdict_tone(verdict: Verdict) -> str:
    """How it is coloured."""
    return _TONES[verdict.word]


def judge(gate: Gate, results: Results, comparison: Comparison | None = None) -> Verdict:
    """What a gate says of an evaluation. The worst of its findings decides; each gives its reason.

    Args:
        gate: What is asked.
        results: The evaluation.
        comparison: It against its baseline; None where there is none.
    """
    unfit = _unfit(gate.asks, results, comparison)
    if unfit:
        return Verdict(Word.INVALID, tuple(unfit))
    calm = results.under()
    found = [*_hard(results), *_limits(gate.asks, calm), *_threshold(gate.asks, calm), *_gap(gate.asks, calm)]
    if comparison is not None:
        found += [*_guards(gate.asks, comparison), *_better(gate.asks, comparison)]
    for word in (Word.FAIL, Word.INCONCLUSIVE):
        reasons = tuple(one.says for one in found if one.word is word)
        if reasons:
            changed = _changed(comparison) if word is Word.FAIL else ()
            return Verdict(word, (*reasons, *changed))
    return Verdict(Word.PASS, tuple(one.says for one in found))


def _unfit(asks: GateFile, results: Results, comparison: Comparison | None) -> list[str]:
    """Why nothing can be said; empty where something can."""
    evaluation, found = results.evaluation, list[str]()
    if asks.suite is not None and asks.suite != evaluation.suite:
        found.append(f"the gate is for suite {asks.suite}, the evaluation of {evaluation.suite}")
    if evaluation.finished_at is None:
        found.append(f"{evaluation.id} is not finished: {len(results.tried)} of {evaluation.expected} attempts")
    if not results.counted:
        found.append("no attempt says anything")
    elif results.errors > asks.errors * len(results.tried):
        share = percent(results.errors / len(results.tried), 1)
        found.append(f"{share} of the attempts are errors of the infrastructure, {percent(asks.errors, 1)} may be")
    if not any(not score["opinion"] for one in results.counted for score in one.scores):
        found.append("only models' opinions were scored: no gate rests on these alone")
    if comparison is None and (asks.guarded or asks.improves):
        found.append("the gate holds metrics against a baseline, and none is given: --against names one")
    if comparison is not None:
        differ = [name for name in SAME_PLAY if name in comparison.changed]
        if differ:
            found.append(f"the baseline was played differently: {', '.join(differ)} differ")
    return found


def _hard(results: Results) -> list[Finding]:
    """Any hard failure fails, however rare it is, and under whatever faults."""
    found: dict[str, list[str]] = {}
    for one in results.counted:
        for score in one.hard:
            under = f" under {one.row['condition']}" if one.row["condition"] else ""
            found.setdefault(score["scorer"], []).append(f"{one.row['case']}{under}: {score['detail']}")
    return [
        Finding(Word.FAIL, f"hard failure of {scorer!r} in {len(where)} attempts, such as {where[0]}")
        for scorer, where in found.items()
    ] or [Finding(Word.PASS, "no hard failure")]


def _limits(asks: GateFile, results: Results) -> list[Finding]:
    found: list[Finding] = []
    for name, limits in asks.limits.items():
        one = measured(results, METRICS[name])
        if one.value is None:
            found.append(Finding(Word.INCONCLUSIVE, f"{name} is not known of any attempt"))
            continue
        low, high = one.interval
        says = f"{name} is {one.value:.4g} [{low:.4g}, {high:.4g}]"
        for bound, least in ((limits.at_least, True), (limits.at_most, False)):
            if bound is not None:
                word = _within(low, high, bound, least=least)
                few = word is Word.PASS and one.count < asks.fewest
                more = f"; needs about {asks.fewest - one.count} more cases" if few else ""
                wanted = f"at {'least' if least else 'most'} {bound:g}"
                found.append(Finding(Word.INCONCLUSIVE if few else word, f"{says}, wanted {wanted}{more}"))
    return found


def _within(low: float, high: float, bound: float, *, least: bool) -> Word:
    if (low >= bound) if least else (high <= bound):
        return Word.PASS
    if (high < bound) if least else (low > bound):
        return Word.FAIL
    return Word.INCONCLUSIVE


def _threshold(asks: GateFile, results: Results) -> list[Finding]:
    """Whether what runs alone from a confidence on is wrong seldom enough, by an exact bound."""
    wanted = asks.threshold
    if wanted is None:
        return []
    alone = [
        row
        for row in results.judged
        if row["confidence"] is not None
        and row["confidence"] >= wanted.confidence
        and row["ruling"] != "deny"
        and wanted.tool in (None, row["tool"])
    ]
    wrong = sum(not row["right"] for row in alone)
    what = f"from a confidence of {wanted.confidence:g} on, {wrong} of {len(alone)} actions are wrong"
    bound = at_most(wrong, len(alone), asks.certainty)
    says = f"{what}: at most {percent(bound, 1)}, wanted at most {percent(wanted.most_wrong, 1)}"
    if bound <= wanted.most_wrong:
        return [Finding(Word.PASS, says)]
    lower = 1 - at_most(len(alone) - wrong, len(alone), asks.certainty) if alone else 0.0
    if lower > wanted.most_wrong:
        return [Finding(Word.FAIL, says)]
    more = max(1, smallest(wanted.most_wrong, asks.certainty) - len(alone))
    return [Finding(Word.INCONCLUSIVE, f"{says}; not enough data, needs about {more} more right ones")]


def _gap(asks: GateFile, results: Results) -> list[Finding]:
    found = calibration(results.stated)
    if asks.gap is None:
        return []
    if found is None:
        return [Finding(Word.INCONCLUSIVE, "no confidence can be held against the truth")]
    low, high = found.gap_interval
    says = f"stated confidence less truth is {found.gap:+.3f} [{low:+.3f}, {high:+.3f}], wanted within {asks.gap:g}"
    if max(abs(low), abs(high)) <= asks.gap:
        return [Finding(Word.PASS, says)]
    return [Finding(Word.FAIL if low > asks.gap or high < -asks.gap else Word.INCONCLUSIVE, says)]


def _guards(asks: GateFile, comparison: Comparison) -> list[Finding]:
    """Whether guarded metrics are not worse by more than their margin."""
    found: list[Finding] = []
    for name, guard in asks.guarded.items():
        one = comparison.metrics.get(name)
        if one is None:
            found.append(Finding(Word.INCONCLUSIVE, f"{name} is not known in both evaluations"))
            continue
        found.append(_guard(asks, comparison, one, guard.margin))
    return found


def _guard(asks: GateFile, comparison: Comparison, one: Compared, margin: float) -> Finding:
    mean, low, high = one.gain
    clusters = one.difference.clusters
    says = f"{one.metric.name}: {one.before:.4g} → {one.now:.4g}, better by {mean:+.4g} [{low:+.4g}, {high:+.4g}]"
    if high < -margin or (high < 0 and mean < -margin):
        return Finding(Word.FAIL, f"{says}: worse by more than {margin:g}")
    bound = _unseen(comparison, one, asks.certainty)
    if low < -margin or clusters < asks.fewest or bound > margin:
        more = max(
            asks.fewest - clusters, one.needed(margin) - clusters, _more(margin, asks.certainty, clusters, bound)
        )
        return Finding(
            Word.INCONCLUSIVE, f"{says}: not enough data for a margin of {margin:g}, needs about {more} more"
        )
    return Finding(Word.PASS, f"{says}: not worse by more than {margin:g}")


def _unseen(comparison: Comparison, one: Compared, certainty: float) -> float:
    """Of a share: the largest that may be lost of cases, where none was, with this certainty; else 0.

    Where no case differs a bootstrap has nothing to draw from, and its interval of no width would be a lie.
    """
    if one.metric.name != "passed" or one.difference.deviation > 0:
        return 0.0
    return at_most(0, one.difference.clusters, certainty)


def _more(margin: float, certainty: float, clusters: int, bound: float) -> int:
    return smallest(margin, certainty) - clusters if bound > margin and margin < 1 else 1


def _better(asks: GateFile, comparison: Comparison) -> list[Finding]:
    """Whether the one metric that has to be is better."""
    if asks.improves is None:
        return []
    one = comparison.metrics.get(asks.improves)
    if one is None:
        return [Finding(Word.INCONCLUSIVE, f"{asks.improves} is not known in both evaluations")]
    mean, low, high = one.gain
    says = f"{asks.improves}: {one.before:.4g} → {one.now:.4g}, better by {mean:+.4g} [{low:+.4g}, {high:+.4g}]"
    if low > 0 and one.difference.clusters >= asks.fewest:
        return [Finding(Word.PASS, f"{says}: better")]
    if high <= 0:
        return [Finding(Word.FAIL, f"{says}: not better")]
    more = max(1, asks.fewest - one.difference.clusters)
    if mean > 0:
        more = max(more, one.needed(mean) - one.difference.clusters)
    return [Finding(Word.INCONCLUSIVE, f"{says}: not enough data, needs about {more} more cases")]


def _changed(comparison: Comparison | None) -> Sequence[str]:
    if comparison is None or not comparison.changed:
        return ()
    return (f"since the baseline there changed: {', '.join(comparison.changed)}",)


def gate_json(gate: Gate, verdict: Verdict) -> dict[str, Any]:
    """What a gate said, as JSON."""
    return {"gate": gate.asks.name, "digest": gate.digest, "verdict": verdict.word, "reasons": list(verdict.reasons)}
