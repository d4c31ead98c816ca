"""A sample of BFCL's multi-turn tasks through Baton itself; all 800 are `make conformance`."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARNESS = ROOT.parent / "shared" / "bench"


@pytest.mark.skipif(not HARNESS.is_dir(), reason="the harness stands beside the checkout only where Baton is built")
@pytest.mark.skipif(importlib.util.find_spec("bfcl_eval") is None, reason="bfcl-eval is not installed")
@pytest.mark.parametrize(("options", "tasks"), [(["--stride", "13"], 64), (["--stride", "29", "--split"], 28)])
def test_a_sample_of_bfcl_is_carried_out_exactly_once_and_in_order(options: list[str], tasks: int) -> None:
    """By one agent; and with each task split over two, which hand its parts to one another."""
    command = [sys.executable, str(ROOT / "bench" / "bfcl.py"), *options]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HARNESS), str(ROOT / "importable")])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tasks} of {tasks}" in " ".join(done.stdout.split())
