"""Fingerprints: what changes them, what does not, and what a change means for what is open."""

from typing import Any

import pytest

from baton import Agent, tool
from baton.core import Action, ActionId, RunId
from baton.graph.fingerprint import Fingerprint, fingerprint, read
from baton.graph.open_matters import How, Matter
from baton.graph.skew import differences, skew

GIVING = ("answer_handoff", "hand_off", "withdraw_handoff")


def agent(**changes: Any) -> Agent:
    """An agent with one tool; `tool_…` changes the tool, anything else the agent."""
    settings = {name.removeprefix("tool_"): changes.pop(name) for name in list(changes) if name.startswith("tool_")}
    described = settings.pop("described", "How much.")

    def pay(cents: int) -> str:
        return ""

    def pay_in(cents: int, currency: str = "EUR") -> str:
        return ""

    function = pay_in if settings.pop("wider", False) else pay
    function.__doc__ = f"Pay.\n\nArgs:\n    cents: {described}"
    return Agent("clerk", tools=[tool(**{"name": "pay"} | settings)(function)], **changes)


def of(**changes: Any) -> Fingerprint:
    return fingerprint(agent(**changes))


def matter(how: How = "approved", version: str = "1", name: str = "pay") -> Matter:
    action = Action(
        id=ActionId("run_a.1.0"), run=RunId("run_a"), agent="clerk", tool=name, version=version, arguments={"cents": 5}
    )
    return Matter(action=action, how=how, review=None)


def test_the_same_code_has_the_same_fingerprint_and_reads_back() -> None:
    assert of().hash == of().hash
    assert read(of().content) == of()


def test_what_only_readers_are_told_of_a_tool_changes_nothing() -> None:
    assert of(tool_described="In cents.").hash == of().hash


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"instructions": "Be quick."}, ["instructions"]),
        ({"model": "gpt-6"}, ["model"]),
        ({"description": "Pays."}, ["description"]),
        (
            {"hands_off_to": ["other"]},
            [
                "hands off to other",
                *(f"tool {name} is new" for name in ("answer_handoff", "hand_off", "withdraw_handoff")),
            ],
        ),
        ({"tool_version": "2"}, ["tool pay: version 1 → 2"]),
        ({"tool_wider": True}, ["tool pay: schema differs"]),
        ({"tool_effect": "read"}, ["tool pay: effect write → read"]),
        ({"tool_repeatable": True}, ["tool pay: repeatable False → True"]),
        ({"tool_name": "send"}, ["tool pay is gone", "tool send is new"]),
    ],
)
def test_a_change_is_told(changes: dict[str, Any], says: list[str]) -> None:
    assert of(**changes).hash != of().hash
    assert differences(of(), of(**changes)) == says


@pytest.mark.parametrize("changes", [{"instructions": "Be quick."}, {"model": "m"}, {"tool_repeatable": True}])
def test_what_open_actions_do_not_rest_on_may_change(changes: dict[str, Any]) -> None:
    assert skew("clerk", of(), of(**changes), [matter()]) == []


def test_a_tool_that_nothing_open_uses_may_change() -> None:
    assert skew("clerk", of(), of(tool_version="2"), []) == []


@pytest.mark.parametrize("how", ["to do", "under review", "approved", "begun"])
@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"tool_version": "2"}, "misread", "it was proposed for version 1, the tool is of version 2"),
        ({"tool_wider": True}, "misread", "of the same version 1, but schema differs"),
        ({"tool_effect": "read"}, "misread", "of the same version 1, but effect write → read"),
        ({"tool_name": "send"}, "orphaned", "the tool is gone"),
    ],
)
def test_an_open_action_that_would_mean_something_else_is_a_problem(
    changes: dict[str, Any], kind: str, says: str, how: How
) -> None:
    (problem,) = skew("clerk", of(), of(**changes), [matter(how)])
    assert problem.kind == kind
    assert says in problem.says


def test_an_agent_that_is_gone_and_a_state_that_cannot_be_read_are_problems() -> None:
    (gone,) = skew("clerk", of(), None, [])
    assert (gone.kind, gone.action) == ("orphaned", None)
    newer = Fingerprint(graph=99, agent="clerk", prose={}, hands_off_to=(), tools={})
    (unread,) = skew("clerk", newer, of(), [])
    assert (unread.kind, unread.says) == ("misread", "its state is of graph version 99; this code reads: 1")
