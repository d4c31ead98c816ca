"""Evaluation in processes: killed and gone on with, under crashes, and from pytest."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "data" / "till" / "suite.py"
BATON = [sys.executable, "-m", "baton.cli"]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def eval_(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [*BATON, "eval", *words]
    return subprocess.run(command, cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=240)


def rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / ".baton" / "evals.db", timeout=10)) as database:
        return database.execute(query).fetchall()


def count(folder: Path) -> int:
    try:
        return int(rows(folder, "SELECT count(*) FROM attempts")[0][0])
    except sqlite3.OperationalError:  # it is not there yet
        return 0


def kept_world(folder: Path) -> Path:
    return next((folder / ".baton" / "evals.db.worlds").glob("*/none-0-0/world"))


def test_an_evaluation_that_was_killed_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    more = {"TILL_CASES": "40", "TILL_SLOW": "0.1"}
    command = [*BATON, "eval", "run", str(SUITE), "--repeats", "2"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(**more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        while count(tmp_path) < 12 and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -9
    before = count(tmp_path)
    assert 12 <= before < 80
    paid = (kept_world(tmp_path) / "paid.jsonl").read_text().splitlines()
    done = eval_(tmp_path, "run", str(SUITE), "--repeats", "2", "--json", **more)
    said = json.loads(done.stdout)
    assert said["before"] == before
    assert len(said["attempts"]) == 80 - before
    assert count(tmp_path) == 80
    assert rows(tmp_path, "SELECT count(*) FROM evaluations") == [(1,)]
    assert rows(tmp_path, "SELECT count(*) FROM scores WHERE hard AND NOT passed") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM attempts GROUP BY condition, repeat, [case] HAVING count(*) > 1") == []
    keys = [json.loads(line)["key"] for line in paid]
    assert len(set(keys)) == len(keys) > 0
    assert not list((tmp_path / ".baton" / "evals.db.worlds").glob("*/none-*"))


def test_a_process_that_is_killed_at_every_step_comes_to_the_same_end(tmp_path: Path) -> None:
    done = eval_(tmp_path, "run", str(SUITE), "--json", TILL_CASES="1", TILL_CONDITIONS="crashes commits")
    said = json.loads(done.stdout)
    for condition in ("crashes", "commits"):
        crashed = [one for one in said["attempts"] if one["condition"] == condition]
        assert [one["outcome"] for one in crashed] == ["pass"], said
        (deaths,) = rows(tmp_path, f"SELECT deaths FROM attempts WHERE condition = '{condition}'")[0]
        assert deaths >= 4
    assert rows(tmp_path, "SELECT min(retries) FROM attempts WHERE condition = 'crashes'")[0][0] >= 1
    asked = "SELECT turns, prompt_tokens FROM attempts ORDER BY condition"
    assert len(set(rows(tmp_path, asked))) == 1  # no recorded model call was paid for twice


TEST = f"""
import pytest

@pytest.mark.agent_eval(suite={str(SUITE)!r}, repeat=2, gate="gate.yaml")
def test_till(attempts):
    assert len(attempts) == 2
    assert not any(one.hard for one in attempts)

def test_beside():
    pass
"""


def test_pytest_has_an_item_a_case_and_one_for_the_gate_and_runs_them_only_when_asked_to(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    (tmp_path / "gate.yaml").write_text("version: 1\nname: g\nfewest: 5\nlimits:\n  passed: {at_least: 0.5}\n")

    def pytest_(*words: str, **more: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-W", "ignore", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment(TILL_CASES="6", **more), capture_output=True, text=True, timeout=200
        ).stdout

    assert re.search(r"1 passed, 1 deselected", pytest_())
    ran = pytest_("--agent-eval", "-rA")
    assert "PASSED test_it.py::test_till[pay-003]" in ran
    assert "8 passed" in ran, ran
    leaks = pytest_("--agent-eval", "-k", "pay-003 or gate", TILL_LEAKS="yes")
    assert "hard failure of 'no secrets'" in leaks
    assert "2 failed, 6 deselected" in leaks
