"""The review queue: does Baton keep deadlines in the simulation `queue_sim.py`, and do its forecasts hold?

The simulation is not part of Baton: the variable HARNESS names its folder. Prints avoidable misses and the longest wait
at three loads beside first in, first out and earliest due first, measured in the same run; then how often answers came
by the times that were told when they were asked for, at the same loads and at desks of our own (`forecasting.py`), and
what a forecast takes of a processor with 1,000 open questions. Writes bench/results/review.json. Arguments go to the
simulation, such as `--quick`.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from forecast_cost import forecast_seconds
from forecasting import Office, Outcome, harness_world, judged, own_worlds, shares
from report import Figure, median, report

ROOT = Path(__file__).parents[1]
HARNESS = (ROOT / os.environ.get("HARNESS", "../shared/bench") / "queue_sim.py").resolve()
sys.path.append(str(HARNESS.parent))
OURS = "queue_plugin:choose"
GOALS = {0.70: ("<= 1.3", "<= 70"), 0.85: ("<= 1.5", "<= 70"), 0.95: ("<= 1.6", "<= 92")}


def main() -> None:
    if not HARNESS.exists():
        print(f"The simulation is not at {HARNESS.parent}: nothing to measure. HARNESS=folder names another place.")
        return
    rows = {spec: simulated(spec) for spec in (OURS, "edf", "fifo")}
    kept = [figure for load in GOALS for figure in figures(load, rows)]
    report("review", [*kept, *forecasts(sorted(rows[OURS]), quick="--quick" in sys.argv), *asyncio.run(cost())])


def simulated(spec: str) -> dict[float, dict[str, Any]]:
    """What the simulation says of a discipline, by load."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, str(HARNESS), "--plugin", spec, "--json", str(results), *sys.argv[1:]]
        path = os.pathsep.join([str(ROOT / "bench"), *filter(None, [os.environ.get("PYTHONPATH")])])
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, check=True, stdout=subprocess.DEVNULL)
        return {row["load"]: row for row in json.loads(results.read_text()) if row["plugin"] == spec}


def figures(load: float, rows: dict[str, dict[float, dict[str, Any]]]) -> list[Figure]:
    ours, edf, fifo = (rows[spec].get(load) for spec in (OURS, "edf", "fifo"))
    if ours is None or edf is None or fifo is None:
        return []
    misses, longest = GOALS[load]
    return [
        Figure(
            metric=f"avoidable misses at load {load:.2f}",
            value=ours["missed_avoidable"],
            unit="%",
            goal=misses,
            rival="earliest due first",
            rival_value=edf["missed_avoidable"],
        ),
        Figure(
            metric=f"cost of what is late at load {load:.2f}",
            value=ours["cost"],
            unit="of 100",
            rival="first in, first out",
            rival_value=fifo["cost"],
        ),
        Figure(metric=f"longest wait at load {load:.2f}", value=ours["wait_worst_h"], unit="h", goal=longest),
    ]


def forecasts(loads: list[float], *, quick: bool) -> list[Figure]:
    """How often answers came by the times that were told, in each world."""
    plays: list[tuple[float | None, int]] = [(load, seed) for load in loads for seed in range(2 if quick else 10)]
    plays += [(None, seed) for seed in range(1 if quick else 2)]
    with ProcessPoolExecutor() as pool:
        found: dict[str, list[Outcome]] = {}
        for outcomes in pool.map(played, plays):
            for name, some in outcomes.items():
                found.setdefault(name, []).extend(some)
    return [figure for name, outcomes in found.items() for figure in forecast_figures(name, outcomes)]


def played(play: tuple[float | None, int]) -> dict[str, list[Outcome]]:
    """The forecasts of one seed of the simulation's stream, or of all desks of our own."""
    load, seed = play
    worlds = own_worlds(seed) if load is None else [harness_world(import_module("queue_sim"), load, seed)]
    return {world.name: judged(Office(world).outcomes, world.ends) for world in worlds}


def forecast_figures(name: str, outcomes: list[Outcome]) -> list[Figure]:
    said = shares(outcomes)
    past = "the 90 % quantile of past waits"
    return [
        Figure(
            metric=f"answered by the bound, {name}",
            value=said["most"],
            unit="%",
            goal="87 to 93",
            rival=past,
            rival_value=said["naive"],
        ),
        Figure(metric=f"answered by the middle, {name}", value=said["half"], unit="%", goal="45 to 55"),
        Figure(
            metric=f"until the bound, {name}",
            value=said["hours"],
            unit="h",
            rival=past,
            rival_value=said["naive hours"],
        ),
        Figure(
            metric=f"loss of the bound, {name}",
            value=said["loss"],
            unit="h",
            rival=past,
            rival_value=said["naive loss"],
        ),
    ]


async def cost() -> list[Figure]:
    """What a forecast takes with 1,000 open questions, a class of 500 past ones and ten people with hours."""
    with tempfile.TemporaryDirectory() as folder:
        times = await forecast_seconds(Path(folder) / "baton.db", open_=1000, past=500)
    return [Figure(metric="a forecast, 1,000 questions open", value=1000 * median(times), unit="ms", goal="<= 20")]


if __name__ == "__main__":
    main()
