"""What a call would change, as people see it."""

import io
from typing import Any

import pytest
from rich.console import Console, Group

from baton.cli.diff import changes


def shown(question: dict[str, Any]) -> str:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(Group(*changes(question)))
    return capture.get()


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        (1, 2, ["it would change", "price  1  →  2"]),
        (None, "new", ["price  nothing  →  new"]),
        ("old", None, ["price  old  →  nothing"]),
        ("a\nb\nc", "a\nx\nc", ["-b", "+x", " a", " c"]),
        (None, "a\nb", ["+a", "+b"]),
        ("x" * 61, "y", ["-" + "x" * 61, "+y"]),
        ("\x1b[31mred", "\u202eblue", ["\N{REPLACEMENT CHARACTER}[31mred  →  \N{REPLACEMENT CHARACTER}blue"]),
    ],
)
def test_short_values_stand_side_by_side_and_long_texts_line_by_line(before: Any, after: Any, parts: list[str]) -> None:
    text = shown({"changes": {"price": [before, after]}})
    for part in parts:
        assert part in text


def test_that_it_is_not_known_is_said_and_nothing_is_nothing() -> None:
    assert "could not be said: boom" in shown({"changes_unknown": "boom"})
    assert shown({}).strip() == ""


def test_a_long_difference_is_cut() -> None:
    text = shown({"changes": {"f": ["\n".join("a" * 100), "\n".join("b" * 100)]}})
    assert "more lines" in text and text.count("\n") < 80
