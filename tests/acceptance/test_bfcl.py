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
def test_a_sample_of_bfcl_is_carried_out_exactly_once_and_in_order() -> None:
    command = [sys.executable, str(ROOT / "bench" / "bfcl.py"), "--stride", "13"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HARNESS), str(ROOT / "importable")])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "64 of 64" in " ".join(done.stdout.split())
