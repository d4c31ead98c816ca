"""README and docs: their Python runs and prints what it says, their files are right, their commands exist.

A fenced block whose first line is a comment with a file's name is that file; any other Python block is run. What
stands in a comment behind a `print(…)` is what it prints; `…` at its end stands for more.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from baton.cli.main import build

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"(?:#|//) (\S+\.\w+)\n")
PRINTS = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the line that its text begins on."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)


def commands() -> Iterator[str]:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "console":
                yield from (line.split(" #")[0].strip() for line in block.text.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_do_what_they_say(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if name := NAMED.match(block.text):
            Path(name[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            program = compile("\n" * block.line + block.text, str(page), "exec")  # for tracebacks with the page's lines
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(program, names)
            for said, got in zip_longest(PRINTS.findall(block.text), printed.getvalue().splitlines()):
                assert _fits(said, got), f"{page.name}: says {said!r}, prints {got!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    targets: list[str] = LINK.findall(page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_commands_that_pages_name_exist() -> None:
    app, known = build(), (ROOT / "Makefile").read_text(encoding="utf-8")
    seen = 0
    for line in commands():
        program, _, rest = line.removeprefix("../").removeprefix(".venv/bin/").partition(" ")
        words = [word for word in rest.split() if word.isalpha()]
        if program == "make":
            assert f"\n{words[0]}:" in known, line
            seen += 1
        if program == "baton":
            assert words[0] in app, line
            seen += 1
    assert seen >= 10


def _fits(said: str | None, got: str | None) -> bool:
    if said is None or got is None:
        return False
    return got.startswith(said.removesuffix("…")) if said.endswith("…") else got == said
