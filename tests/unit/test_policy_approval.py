"""The digest of an approval covers all that will run."""

from dataclasses import replace
from typing import Any

import pytest

from baton.core import Action, ActionId, RunId
from baton.policies import approval_digest

ACTION = Action(
    id=ActionId("run_a.1.0"),
    run=RunId("run_a"),
    agent="desk",
    tool="refund",
    version="1",
    arguments={"order": "A-1", "amount": 49.9, "lines": [{"n": 1}, {"n": 2**60}], "note": "\ud800"},
)


def taken(action: Action = ACTION, **changed: Any) -> str:
    given: dict[str, Any] = {"tenant": "t", "action": action, "rule": ("r1", "r2"), "expires": 10.0, **changed}
    return approval_digest(**given)


@pytest.mark.parametrize(
    "changed",
    [
        taken(tenant="u"),
        taken(rule=("r1",)),
        taken(rule=("r1", "r3")),
        taken(expires=11.0),
        taken(expires=None),
        taken(replace(ACTION, id=ActionId("run_a.1.1"))),
        taken(replace(ACTION, run=RunId("run_b"))),
        taken(replace(ACTION, tool="refunds")),
        taken(replace(ACTION, version="2")),
        *(
            taken(replace(ACTION, arguments={**ACTION.arguments, **change}))
            for change in (
                {"order": "A-2"},
                {"amount": 49.91},
                {"amount": "49.9"},
                {"lines": [{"n": 1}, {"n": 2**60 + 1}]},
                {"lines": [{"n": True}, {"n": 2**60}]},
                {"lines": [{"n": 2**60}, {"n": 1}]},
                {"note": "\ud801"},
                {"more": None},
            )
        ),
    ],
)
def test_any_change_changes_it(changed: str) -> None:
    assert changed != taken()


def test_order_of_keys_and_rules_and_the_agents_words_do_not_matter() -> None:
    turned = replace(ACTION, arguments=dict(reversed(ACTION.arguments.items())), reason="because", confidence=0.5)
    assert taken(turned, rule=("r2", "r1")) == taken()
