"""Writing to the terminal: results on stdout, progress and notes on stderr, strangers' text made harmless."""

import json
import sys
from dataclasses import dataclass, field
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from baton.core.texts import safe

PLAIN_WIDTH = 160
"""Columns of output that does not go to a terminal."""


@dataclass(frozen=True)
class Screen:
    """Where a command writes.

    Attributes:
        json: Whether stdout gets one JSON document and nothing else.
    """

    json: bool = False
    out: Console = field(default_factory=lambda: _console(sys.stdout))
    err: Console = field(default_factory=lambda: _console(sys.stderr))

    def show(self, *things: RenderableType) -> None:
        """Write a result for people; nothing where JSON was asked for. Strings are made harmless."""
        if not self.json:
            for thing in things:
                plain = _harmless(thing)
                self.out.print(plain, soft_wrap=isinstance(plain, Text) and not self.out.is_terminal)

    def whole(self, text: Text) -> None:
        """Write a text that is copied, such as an address, in one piece; nothing where JSON was asked for."""
        if not self.json:
            self.out.print(text, soft_wrap=True)

    def note(self, thing: RenderableType, style: str = "") -> None:
        """Write progress or a note. Strings are made harmless."""
        self.err.print(_harmless(thing), style=style, soft_wrap=not self.err.is_terminal)

    def document(self, thing: Any) -> None:
        """Write the JSON document, where it was asked for; ASCII only, so that it is harmless in a terminal too."""
        if self.json:
            self.out.file.write(json.dumps(thing, indent=2, default=str) + "\n")

    def line(self, thing: Any) -> None:
        """Write one JSON object on one line, for output that never ends."""
        if self.json:
            self.out.file.write(json.dumps(thing, default=str) + "\n")
            self.out.file.flush()

    @property
    def asks(self) -> bool:
        """Whether somebody sits at a terminal who can be asked."""
        return sys.stdin.isatty() and self.out.is_terminal and not self.json


def _harmless(thing: RenderableType) -> RenderableType:
    return Text(safe(thing)) if isinstance(thing, str) else thing


def _console(file: TextIO) -> Console:
    shown = file.isatty()
    width = None if shown else PLAIN_WIDTH
    return Console(file=file, width=width, markup=False, emoji=False, highlight=False)
