"""Running `baton` and the demo as processes, without a key, a terminal or the network."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DESK = ROOT / "examples" / "desk"

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "PYTHONPYCACHEPREFIX")

SECONDS = 120


@dataclass(frozen=True)
class Done:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout, which must be one JSON document."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Nothing of this machine's settings but what a process needs to start."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PYTHONPATH": str(ROOT / "importable"), "PYTHONUTF8": "1"} | more


def baton(folder: Path, *words: str, typed: str = "", **variables: str) -> Done:
    """Run `baton` in a folder."""
    return _run([sys.executable, "-m", "baton.cli", *words], folder, typed, variables)


def demo(folder: Path, *words: str) -> Done:
    """Run the demo of the desk in a folder."""
    return _run([sys.executable, str(DESK / "demo.py"), *words], folder, "", {})


def _run(command: list[str], folder: Path, typed: str, variables: dict[str, str]) -> Done:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(**variables),
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
