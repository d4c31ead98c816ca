"""Is the promise kept, and how much runs alone: Baton's certifier on simulated streams of 5,000 actions.

The agents that state too much confidence, too little, or change halfway come from the harness `promise_sim.py`, which
is not part of Baton: the variable HARNESS names its folder. Beside them, streams of our own: errors that grow slowly
over the whole stream, a reviewer who errs, late labels, and scores that shift while nothing else does. Prints the
shares of streams in which the promise broke and what ran alone, as a share of what an oracle would have let run, and
writes bench/results/promise.json. Arguments: `--seeds N` streams of each kind (default 600, of ours 200), `--own` for ours alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import Figure, report

from baton.policies.promises import Certifier, Promise

ROOT = Path(__file__).parents[1]
HARNESS = (ROOT / os.environ.get("HARNESS", "../shared/bench") / "promise_sim.py").resolve()
OWN_STREAMS = 200  # at most, of each kind of ours
MOST_AT_ONCE = 200  # streams of the harness for one random number
STREAMS = (7, 1007, 2007, 3007, 4007)
ACTIONS, LATE = 5000, 200
AGENTS = {"over": "sure of itself", "under": "unsure of itself", "drift": "changing"}
GOALS = {
    (0.05, "drift"): 43.0,
    (0.05, "over"): 70.0,
    (0.05, "under"): 70.0,
    (0.02, "over"): 33.0,
    (0.02, "under"): 33.0,
}
Array = NDArray[np.float64]


class Plugin:
    """Baton's certifier, as the harness calls it."""

    def __init__(self, alpha: float, delta: float, seed: int) -> None:
        self.certifier = Certifier(Promise(most_wrong=alpha, certainty=1 - delta))
        self.number = 0

    def decide(self, score: float) -> tuple[bool, float]:
        self.decision = self.certifier.decide(score)
        return self.decision.alone, self.decision.audit

    def observe(self, score: float, auto: bool, audited: bool, audit_probability: float, wrong: bool | None) -> None:
        self.number += 1
        self.certifier.record(str(self.number), score, self.decision, audited=audited)
        if wrong is not None:
            self.certifier.label(str(self.number), wrong=wrong)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A stream of our own: 11 % errors at first, AUROC 0.857, as in the harness.

    Attributes:
        harder: By how much the odds of being right have fallen at the end, in nats; it grows evenly from 0.
        shift: By how much the mean ability falls between actions 2000 and 2500, seen by the scores.
        misread: The share of labels that the reviewer gets wrong.
        overlooked: The share of errors that the reviewer overlooks, and the certifier is told so.
        late: After how many further actions a label comes.
    """

    name: str
    harder: float = 0.0
    shift: float = 0.0
    misread: float = 0.0
    overlooked: float = 0.0
    late: int = 0


OWN = (
    Scenario(name="slow change", harder=1.5),
    Scenario(name="reviewer errs 1 %", misread=0.01),
    Scenario(name="reviewer overlooks 30 % of errors, as is known", overlooked=0.3),
    Scenario(name="labels 200 late", late=LATE),
    Scenario(name="scores shift", shift=1.5),
)


def sigmoid(value: Array) -> Array:
    return 1 / (1 + np.exp(-value))


def draw(scenario: Scenario, rng: np.random.Generator, at: Array) -> tuple[Array, Array]:
    """Scores and probabilities of being right, of actions at these places of the stream, in shares of its length."""
    ability = rng.normal(3.2 - scenario.shift * np.clip((at - 0.4) / 0.1, 0, 1), 1.9)
    scores = sigmoid(0.8 * (ability + rng.normal(0, 0.6, at.size)))
    return scores, sigmoid(ability - scenario.harder * at)


@lru_cache
def oracle(scenario: Scenario, most_wrong: float) -> float:
    """The share that may run alone when the true risk of every score is known, on average over the stream."""
    rng, shares = np.random.default_rng(0), list[float]()
    for place in np.linspace(0, 1, 21).tolist():
        scores, right = draw(scenario, rng, np.full(100_000, place))
        risk = np.cumsum(1 - right[np.argsort(-scores)]) / np.arange(1, scores.size + 1)
        safe = np.flatnonzero(risk <= most_wrong)
        shares.append((float(safe[-1]) + 1) / scores.size if safe.size else 0.0)
    return float(np.mean(shares))


def run(job: tuple[Scenario, float, int]) -> dict[str, float]:
    """One stream."""
    scenario, most_wrong, seed = job
    rng = np.random.default_rng([20261126, seed])
    scores, right = draw(scenario, rng, np.arange(ACTIONS) / ACTIONS)
    wrong = rng.random(ACTIONS) > right
    said = wrong ^ (rng.random(ACTIONS) < scenario.misread)
    coins = rng.random(ACTIONS)
    said &= rng.random(ACTIONS) >= scenario.overlooked
    certifier = Certifier(Promise(most_wrong=most_wrong))
    certifier.overlooked(scenario.overlooked)
    alone = np.zeros(ACTIONS, bool)
    seen = 0
    answers: list[tuple[int, int]] = []  # when, of which
    for number, score in enumerate(scores.tolist()):
        decision = certifier.decide(score)
        audited = decision.alone and bool(coins[number] < decision.audit)
        certifier.record(str(number), score, decision, audited=audited)
        alone[number] = decision.alone
        if audited or not decision.alone:
            answers.append((number + scenario.late, number))
            seen += 1
        while answers and answers[0][0] <= number:
            _, of = answers.pop(0)
            certifier.label(str(of), wrong=bool(said[of]))
    count = max(int(alone.sum()), 1)
    return {
        "automated": float(alone.mean()),
        "human": seen / ACTIONS,
        "count": float((alone & wrong).sum() / count > most_wrong),
        "true": float((alone * (1 - right)).sum() / count > most_wrong),
    }


def own(most_wrong: float, seeds: int) -> Iterator[Figure]:
    """Our own streams."""
    seeds = min(seeds, OWN_STREAMS)
    with ProcessPoolExecutor(jobs()) as pool:
        for scenario in OWN:
            work = [(scenario, most_wrong, seed) for seed in range(seeds)]
            rows = list(pool.map(run, work, chunksize=max(seeds // 16, 1)))
            mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
            share = mean["automated"] / oracle(scenario, most_wrong)
            measured = (share, mean["human"], mean["count"], mean["true"])
            yield from figures(most_wrong, scenario.name, *measured, by_count=most_wrong >= 0.05)


def theirs(most_wrong: float, seeds: int) -> Iterator[Figure]:
    """The harness's agents."""
    with tempfile.TemporaryDirectory() as folder:
        rows: list[dict[str, Any]] = []
        for place, start in enumerate(range(0, seeds, MOST_AT_ONCE)):
            results = Path(folder) / f"{start}.json"
            command = [
                sys.executable,
                "-W",
                "ignore",
                str(HARNESS),
                "--plugin",
                "promise:Plugin",
                "--json",
                str(results),
            ]
            command += ["--alpha", str(most_wrong), "--stream", str(STREAMS[place]), "--jobs", str(jobs())]
            command += ["--seeds", str(min(MOST_AT_ONCE, seeds - start))]
            path = os.pathsep.join([str(ROOT / "bench"), os.environ.get("PYTHONPATH", "")])
            subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, check=True)
            rows += json.loads(results.read_text())
    for agent, name in AGENTS.items():
        mine = [row for row in rows if row["scenario"] == agent]
        mean = {
            key: sum(row[key] * row["seeds"] for row in mine) / seeds
            for key in ("of_oracle", "human", "broken_by_count", "broken_by_true_risk")
        }
        yield from figures(
            most_wrong, name, *mean.values(), goal=GOALS.get((most_wrong, agent)), by_count=most_wrong >= 0.05
        )


def figures(
    most_wrong: float,
    name: str,
    share: float,
    human: float,
    count: float,
    true: float,
    goal: float | None = None,
    by_count: bool = True,
) -> Iterator[Figure]:
    def figure(metric: str, value: float, unit: str, goal: str = "") -> Figure:
        return Figure(metric=f"{most_wrong:.0%} wrong, {name}: {metric}", value=100 * value, unit=unit, goal=goal)

    yield figure("broken, as counted", count, "% streams", "<= 5" if by_count else "")
    yield figure("broken, by true risk", true, "% streams", "<= 5")
    yield figure("runs alone", share, "% oracle", "" if goal is None else f">= {goal}")
    yield figure("seen by people", human, "% actions")


def speed() -> Iterator[Figure]:
    """How long a call takes, how large the state grows, and a replay of 100,000 labels."""
    rng = np.random.default_rng(3)
    scores, right = draw(Scenario(name="speed"), rng, np.zeros(100_000))
    wrong = (rng.random(100_000) > right).tolist()
    certifier = Certifier(Promise())
    decision, largest = certifier.decide(0.0), 0
    began = time.perf_counter()
    for number, score in enumerate(scores.tolist()):
        certifier.record(str(number), score, decision)
        certifier.label(str(number), wrong=wrong[number])
    yield Figure(metric="100,000 labels replayed", value=time.perf_counter() - began, unit="s", goal="<= 10")
    began = time.perf_counter()
    for number, score in enumerate(scores[:5000].tolist()):
        certifier.record(f"action_{number:032}", score, certifier.decide(score), audited=True)
    yield Figure(metric="deciding and recording", value=(time.perf_counter() - began) / 5, unit="ms", goal="<= 1")
    largest = len(json.dumps(certifier.state()))
    yield Figure(metric="state, as many labels waited for as may be", value=largest / 1000, unit="kB", goal="<= 50")


def jobs() -> int:
    return int(os.environ.get("JOBS", 0)) or os.cpu_count() or 1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=600, help=f"at most {MOST_AT_ONCE * len(STREAMS)}")
    parser.add_argument("--own", action="store_true", help="only our own streams")
    options = parser.parse_args()
    parts: list[Callable[[float, int], Iterator[Figure]]] = [own]
    if not options.own and HARNESS.exists():
        parts.insert(0, theirs)
    elif not options.own:
        print(f"The harness is not at {HARNESS.parent}: only our own streams. HARNESS=folder names another place.")
    found = list(speed())
    for part in parts:
        found += [figure for most_wrong in (0.05, 0.02) for figure in part(most_wrong, options.seeds)]
    report("promise", found)


if __name__ == "__main__":
    main()
