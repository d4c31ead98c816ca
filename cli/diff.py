"""What a call would change, side by side or line by line."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from baton.changes import Change, drift
from baton.changes import changes as changes_of
from baton.core.texts import one_line


def changes(question: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What has changed of what it rests on, and what the tool says that it would change; nothing where nobody says."""
    if "changes_unknown" in question:
        why = one_line(str(question["changes_unknown"]))
        yield Text(f"what it would change could not be said: {why}", style="red")
    yield from _listed("what it rests on is not as it was", drift(question))
    yield from _listed("it would change", changes_of(question))


def _listed(title: str, found: Sequence[Change]) -> Iterator[RenderableType]:
    if found:
        yield Text(title, style="bold")
    for change in found:
        name = one_line(change.name)
        if change.lines is None:
            sides = ((change.before, "red"), "  →  ", (change.after, "green"))
            yield Text.assemble((f"  {name}  ", ""), *sides)
        else:
            yield Text(f"  {name}")
            yield Padding(_lines(change, change.lines), (0, 0, 0, 4))


def _lines(change: Change, lines: tuple[str, ...]) -> Text:
    text = Text()
    for line in lines:
        text.append(f"{line}\n", style={"+": "green", "-": "red", "@": "dim"}.get(line[:1], ""))
    if change.left_out:
        text.append(f"… {change.left_out} more lines", style="dim")
    text.rstrip()
    return text
