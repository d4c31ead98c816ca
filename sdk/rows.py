"""Names and values, as a page or a terminal sets them beside each other."""

from typing import NamedTuple

from baton.telling import Tone


class Row(NamedTuple):
    """A name, its value in words, and what the value means."""

    name: str
    text: str
    tone: Tone = ""
