"""`baton doctor --deploy` and what it offers, as a person at a terminal meets them."""

from pathlib import Path

import pytest

from support.commands import baton


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A starter project with an order that waits for a person, and the tool of it of another version."""
    assert baton(tmp_path, "init").code == 0
    assert baton(tmp_path, "run", "Order 12 of article T-100", "--key", "tea").code == 3
    assert baton(tmp_path, "doctor", "--deploy").code == 0
    tools = tmp_path / "tools.py"
    tools.write_text(tools.read_text().replace("repeatable=True)", 'repeatable=True, version="2")'))
    return tmp_path


def test_a_deploy_says_what_it_would_misread_and_offers_what_to_do(asked: Path) -> None:
    said = baton(asked, "doctor", "--deploy")
    assert said.code == 1
    assert "misread  under review: order_article" in said.out
    found = baton(asked, "doctor", "--deploy", "--json").json
    (unfit,) = found["unfit"]
    assert not found["safe"]
    assert f"runs pin {unfit['run']}" in said.out
    assert f"runs reask {unfit['run']}" in said.out


def test_a_pinned_run_is_left_alone_by_other_code(asked: Path) -> None:
    (run,) = baton(asked, "runs", "list", "--json").json["runs"]
    assert baton(asked, "runs", "pin", run["id"]).code == 0
    assert baton(asked, "doctor", "--deploy").code == 0
    assert "code " in baton(asked, "runs", "list").out
    assert baton(asked, "runs", "unpin", run["id"], "zzzz").code == 1
    assert baton(asked, "doctor", "--deploy").code == 1


def test_a_run_whose_questions_no_longer_fit_proposes_anew(asked: Path) -> None:
    (run,) = baton(asked, "runs", "list", "--json").json["runs"]
    (before,) = run["waits_for"]
    assert baton(asked, "runs", "reask", run["id"]).code == 0
    assert baton(asked, "doctor", "--deploy").code == 0
    told = baton(asked, "run", "--resume", run["id"], "--json")
    assert "propose it anew" in baton(asked, "runs", "show", run["id"]).out
    assert before not in [review["id"] for review in told.json["waits_for"]]


def test_an_agent_that_is_gone_is_told(asked: Path) -> None:
    agents = asked / "agents.yaml"
    agents.write_text(agents.read_text().replace("name: keeper", "name: other"))
    assert "there is no agent 'keeper' any more" in baton(asked, "doctor", "--deploy").out
    assert "agent keeper  not here, and 1 open run" in baton(asked, "doctor").out
    (run,) = baton(asked, "runs", "list", "--json").json["runs"]
    refused = baton(asked, "run", "--resume", run["id"])
    assert (refused.code, "there is no agent 'keeper'" in refused.err) == (2, True)
