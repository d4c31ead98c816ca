"""`baton policy` as a person at a terminal meets it: from a question to a rule that answers it from then on."""

from pathlib import Path
from typing import Any

import pytest

from support.commands import Done, baton


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A starter project with an order that waits for a person."""
    assert baton(tmp_path, "init").code == 0
    assert baton(tmp_path, "run", "Order 12 of article T-100", "--key", "tea").code == 3
    return tmp_path


def waiting(shop: Path) -> Any:
    (review,) = baton(shop, "review", "--json").json["reviews"]
    return review


def said(done: Done, *parts: str) -> None:
    assert done.code == 0, done.err
    for part in parts:
        assert part in done.out


def test_a_verdict_is_explained_with_its_condition_and_values(shop: Path) -> None:
    review = waiting(shop)
    said(baton(shop, "policy", "explain", review["run"]), "needs a person", "lacking", "12", "policy@")
    asked = baton(shop, "policy", "explain", review["run"], "--json").json["actions"][-1]
    (lacking,) = [one for one in asked["evidence"]["conditions"] if one["holds"] is False]
    assert 12 in lacking["values"].values()
    said(baton(shop, "review", "show", review["id"]), "lacking", lacking["words"])
    refused = baton(shop, "policy", "explain", review["run"], "9.9")
    assert (refused.code, "there is no action '9.9'" in refused.err) == (2, True)


def test_a_decision_becomes_a_rule_once_the_owner_accepts_it(shop: Path) -> None:
    review, policy = waiting(shop), shop / "policy.cedar"
    early = baton(shop, "policy", "propose", review["id"])
    assert (early.code, "no action was approved" in early.err) == (1, True)
    assert baton(shop, "review", "approve", review["id"]).code == 0
    before = policy.read_text()
    made = baton(shop, "policy", "propose", review["id"], "--json").json
    assert policy.read_text() == before
    said(baton(shop, "policy", "proposals"), made["id"], "permit (principal")

    said(baton(shop, "policy", "accept", made["id"]), "policy.cedar")
    assert policy.read_text().startswith(before.rstrip())
    said(baton(shop, "policy", "test"), "3 of 3 as expected")
    again = baton(shop, "policy", "accept", made["id"])
    assert (again.code, "accepted it" in again.err) == (1, True)
    said(baton(shop, "policy", "proposals"), "Nothing is proposed")

    (shop / "old.cedar").write_text(before)
    said(baton(shop, "policy", "diff", "old.cedar", "policy.cedar"), "added", "ask → allow", "1 fewer question")
    replayed = baton(shop, "policy", "replay", "policy.cedar", "--json").json["agents"][0]
    assert [(one["before"], one["now"], one["outcome"]) for one in replayed["changes"]] == [
        ("ask", "allow", "approved")
    ]
    assert baton(shop, "run", "Order 12 of article T-100").code == 0


def test_a_declined_proposal_changes_nothing(shop: Path) -> None:
    review = waiting(shop)
    assert baton(shop, "review", "approve", review["id"]).code == 0
    made = baton(shop, "policy", "propose", review["id"], "--json").json
    said(baton(shop, "policy", "decline", made["id"], "--note", "no"), "is declined")
    assert not (shop / "policy.test.yaml").exists()
    assert baton(shop, "policy", "accept", made["id"]).code == 1


def test_a_shadow_policy_is_compared_and_has_no_effect(shop: Path) -> None:
    agents = shop / "agents.yaml"
    agents.write_text(agents.read_text().replace("policy: policy.cedar", "policy: policy.cedar\n    shadow: allow-all"))
    assert baton(shop, "run", "Order 13 of article T-100", "--key", "more").code == 3
    said(baton(shop, "policy", "shadow"), "1 fewer question", "outcomes unknown for 1", "ask → allow")


def test_check_and_test_say_what_is_wrong_and_where(shop: Path) -> None:
    policy = shop / "policy.cedar"
    rule = 'permit (principal, action == Action::"call", resource is Tool::order_article)'
    policy.write_text(policy.read_text() + f'\n@id("odd") {rule} when {{ context.hour > 30 }};\n')
    said(baton(shop, "policy", "check"), "odd: it never applies: the hour is over 30 is never so")
    said(baton(shop, "policy", "show"), "base.cedar", '@id("odd")')
    (shop / "policy.test.yaml").write_text("tests:\n  - {name: never, call: order_article, expect: allow}\n")
    failed = baton(shop, "policy", "test")
    assert (failed.code, "expected allow, got deny" in failed.out) == (1, True)
