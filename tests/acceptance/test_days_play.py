"""The play of ten days, as a person runs it: what has changed is asked about, what has not runs once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("words", "asked"), [([], 2), (["--nothing-changes"], 1)])
def test_the_play_says_how_it_went(words: list[str], asked: int, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / "days" / "play.py"), "--folder", str(tmp_path), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.count("‖ rev_") == asked
    assert told.count("← ordered 12 of T-100 to 12 Main Street") == 1
    changed = "what order rests on has changed" in told
    assert changed is (asked == 2)
    if changed:
        assert 'price_of(article="T-100") cents  1200  →  1500' in told
        assert "has ended at 2023-11-21" in told
        assert told.rstrip().endswith("at 15.00")
    else:
        assert "looked again before order" in told and told.rstrip().endswith("at 12.00")
    run = re.findall(r"▸ (run_\w+)", told)[0]
    review = re.findall(r"‖ (rev_\w+)", told)[-1]
    context = baton(tmp_path, "runs", "context", run, "--turn", "1")
    assert "facts" in context and "Deliveries of T-100 go to 12 Main Street" in context
    assert "nothing" in baton(tmp_path, "runs", "brief", run)
    page = baton(tmp_path, "review", "show", review)
    assert ("what it rests on is not as it was" in page) is changed
    assert "rests on" in page and '{"cents":1' in page


def baton(folder: Path, *words: str) -> str:
    """What a command says, run in the folder of the play."""
    command = [sys.executable, "-m", "baton.cli", *words, "--database", str(folder / "baton.db")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=folder).stdout
