"""The review queue: does Baton's discipline keep deadlines, in the simulation `queue_sim.py`?

The simulation is not part of Baton: the variable HARNESS names its folder. Prints avoidable misses and the longest wait
at three loads beside first in, first out and earliest due first, measured in the same run, and writes
bench/results/review.json. Arguments go to the simulation, such as `--quick`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import Figure, report

ROOT = Path(__file__).parents[1]
HARNESS = (ROOT / os.environ.get("HARNESS", "../shared/bench") / "queue_sim.py").resolve()
OURS = "queue_plugin:choose"
GOALS = {0.70: ("<= 1.3", "<= 70"), 0.85: ("<= 1.5", "<= 70"), 0.95: ("<= 1.6", "<= 92")}


def main() -> None:
    if not HARNESS.exists():
        print(f"The simulation is not at {HARNESS.parent}: nothing to measure. HARNESS=folder names another place.")
        return
    rows = {spec: simulated(spec) for spec in (OURS, "edf", "fifo")}
    report("review", [figure for load in GOALS for figure in figures(load, rows)])


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


if __name__ == "__main__":
    main()
