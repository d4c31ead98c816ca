"""What a text means, as colours of a terminal."""

from collections.abc import Mapping

from rich.text import Text

from baton.core.texts import one_line
from baton.telling import STATUS_TONE, Told, Tone

STYLES: Mapping[Tone, str] = {
    "": "",
    "strong": "bold",
    "said": "italic",
    "quiet": "dim",
    "good": "green",
    "bad": "red",
    "asks": "yellow",
    "person": "magenta",
    "ready": "cyan",
}


def status_style(status: str) -> str:
    """How the status of a run is shown."""
    return STYLES[STATUS_TONE.get(status, "")]


def marked(told: Told) -> Text:
    """A line behind its mark."""
    return Text.assemble(f"  {told.mark} ", (told.text, STYLES[told.tone]), no_wrap=True)


def render(told: Told, agent: str, width: int | None = None, depth: int = 0) -> Text:
    """The line with who it is about, cut to `width` columns where one is given."""
    line = Text.assemble("  " * depth, (f"{one_line(agent, 12):8}", "bold"), f" {told.mark} ", no_wrap=True)
    line.append(told.text, style=STYLES[told.tone])
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line
