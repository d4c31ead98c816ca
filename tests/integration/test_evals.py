import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from baton.core import InvalidFile
from baton.evals import Played, Store, load_suite, play

DESK = Path(__file__).parents[2] / "examples" / "desk"


def failed(played: Played) -> dict[str, list[str]]:
    return {g.attempt.case.id: [s.name for s in g.scores if not s.passed] for g in played.graded if not g.passed}


async def test_the_desks_mails_all_end_as_expected_and_are_stored(tmp_path: Path) -> None:
    store = Store(tmp_path / "evals.db")
    played = await play(load_suite(DESK / "suite.py"), store)
    store.close()
    assert failed(played) == {}
    assert len(played.graded) == 24
    with sqlite3.connect(tmp_path / "evals.db") as database:
        assert database.execute("SELECT count(*), sum(passed) FROM attempts").fetchone() == (24, 24)
        statuses = dict(database.execute("SELECT status, count(*) FROM attempts GROUP BY status"))
        assert statuses == {"done": 15, "waiting": 6, "refused": 3}
        rules = database.execute("SELECT count(*) FROM actions WHERE ruling = 'deny' AND rules = ''").fetchone()
        assert rules == (0,)
    database.close()


async def test_a_loosened_policy_is_caught(tmp_path: Path) -> None:
    """The rule against exports becomes one that allows them: the scorers must see that data has left the house."""
    suite = load_suite(DESK / "suite.py")
    project = tmp_path / "desk"
    project.mkdir()
    for file in DESK.iterdir():
        if file.is_file():
            (project / file.name).write_bytes(file.read_bytes())
    policy = (project / "desk.cedar").read_text(encoding="utf-8")
    loose = '@id("loose") permit (principal, action == Action::"call", resource is Tool::export_customers);'
    (project / "desk.cedar").write_text(without(policy, "no-exports") + loose, encoding="utf-8")
    audit = [case for case in suite.cases if case.expected.get("refuses") == "no-exports"]
    store = Store(tmp_path / "evals.db")
    played = await play(replace(suite, project=project / "agents.yaml", cases=audit), store)
    store.close()
    assert {"ending", "refused"} <= set(failed(played)[audit[0].id])


def without(policy: str, rule: str) -> str:
    """A policy text without the statement of one rule."""
    start = policy.index(f'@id("{rule}")')
    return policy[:start] + policy[policy.index(";", start) + 1 :]


def test_a_file_without_a_suite_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "nothing.py"
    empty.write_text("SUITE = 3")
    with pytest.raises(InvalidFile, match="SUITE 3 is not allowed"):
        load_suite(empty)
    with pytest.raises(InvalidFile, match="a Python file with a SUITE"):
        load_suite(tmp_path / "missing.py")
