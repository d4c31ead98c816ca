"""The desk's exchange: five agents, two people, a saga, a cron and an event join, from one command."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAY = ROOT / "examples" / "desk" / "exchange" / "play.py"


def played(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "BATON_"))}
    command = [sys.executable, "-W", "ignore", str(PLAY), "--folder", str(folder), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_orders_are_exchanged_whole_or_not_at_all(tmp_path: Path) -> None:
    done = played(folder=tmp_path / "play")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split()[0]: re.split(r"  +", line.strip()) for line in done.stdout.splitlines() if line[:2] == "F-"}
    assert rows["F-11658"] == ["F-11658", "PN-301", "11.50", "-", "delivered", "3"]  # news, joined events, follow-up
    assert rows["F-11764"] == ["F-11764", "MF-230", "74.10", "-", "delivered", "2"]  # its old article is not back yet
    assert rows["F-11717"] == ["F-11717", "KN-403, given back", "40.00", "40.00", "-", "1"]  # undone, and told
    undone = [line for line in done.stdout.splitlines() if "undone: settle, reserve" in line]
    assert len(undone) == 2  # by the workflow, and by the desk that had handed it on
    assert done.stdout.count('Mary agrees to refund(order_id="F-11764"') == 1
    assert "Traceback" not in done.stderr
    again = played(folder=tmp_path / "play")
    assert again.returncode == 1
    assert "a folder that is not there yet" in again.stderr
