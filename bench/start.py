"""How soon the command line answers, and what the demo takes: time and peak memory."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report import Figure, median, report

ROOT = Path(__file__).parents[1]


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def demo() -> tuple[float, float]:
    """Seconds and peak memory in MB of a fresh demo, waited for as a child of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "examples" / "desk" / "demo.py"), "--folder", f"{folder}/demo"]
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, f"the demo ended with {child.returncode}"
        return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    baton = [sys.executable, "-m", "baton.cli"]
    helps = [seconds([*baton, "--help"]) for _ in range(9)]
    bare = [seconds([sys.executable, "-c", "pass"]) for _ in range(9)]
    took, memory = demo()
    report(
        "start",
        [
            Figure(
                metric="baton --help",
                value=median(helps),
                unit="s",
                goal="<= 0.3",
                rival="an empty Python program",
                rival_value=median(bare),
            ),
            Figure(metric="the demo, from an empty folder", value=took, unit="s", goal="<= 180"),
            Figure(metric="the demo's peak memory", value=memory, unit="MB", goal="<= 300"),
        ],
    )


if __name__ == "__main__":
    main()
