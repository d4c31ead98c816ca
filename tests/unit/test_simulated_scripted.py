"""The scripted mind finds its place in the request alone."""

from typing import Any

import pytest

from baton.agents.simulated import Answer, Conversation, ScriptedMind, SimulatedCall

ONE, TWO, THREE = (SimulatedCall(name=name, arguments={}) for name in ("one", "two", "three"))
SCRIPT = ScriptedMind([[[ONE], [TWO, THREE]], [], [[THREE]]], texts=["first done", "second done"])

USER = {"role": "user", "content": "do it"}
NOTICE = {"role": "user", "content": "[review rev_1 approved by anna] one: 1"}


def round_of(*results: str) -> list[dict[str, Any]]:
    calls = [{"id": f"c{n}", "function": {"name": "f", "arguments": "{}"}} for n in range(len(results))]
    told = [{"role": "tool", "tool_call_id": f"c{n}", "content": result} for n, result in enumerate(results)]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *told]


def say(*messages: dict[str, Any]) -> Answer:
    return SCRIPT.answer(Conversation({"messages": [{"role": "system", "content": "[x]"}, *messages]}))


TEXT = {"role": "assistant", "content": "first done"}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([USER], Answer(calls=(ONE,))),
        ([USER, *round_of("1")], Answer(calls=(TWO, THREE))),
        ([USER, *round_of("pending: review rev_1")], Answer(calls=(TWO, THREE))),
        ([USER, *round_of("error: no")], Answer(calls=(TWO, THREE))),
        ([USER, *round_of("1"), *round_of("2", "3")], Answer(text="first done")),
        ([USER, *round_of("pending: review rev_1"), NOTICE], Answer(calls=(TWO, THREE))),
        ([USER, *round_of("1"), *round_of("2", "3"), *round_of("4")], Answer(text="first done")),
        ([USER, TEXT, USER], Answer(text="second done")),
        ([USER, *round_of("1"), TEXT, USER, TEXT, USER], Answer(calls=(THREE,))),
        ([USER, TEXT, USER, TEXT, USER, *round_of("3")], Answer(text="done")),
        ([USER, USER, USER, USER], Answer(text="done")),
        ([], Answer(text="done")),
    ],
)
def test_place_in_the_script(messages: list[dict[str, Any]], expected: Answer) -> None:
    assert say(*messages) == expected


def test_content_in_parts_is_a_turn_unless_its_text_is_a_notice() -> None:
    parts = {"role": "user", "content": [{"type": "text", "text": "do it"}]}
    notice = {"role": "user", "content": [{"type": "text", "text": "[timer] now"}]}
    assert say(parts, notice) == Answer(calls=(ONE,))
