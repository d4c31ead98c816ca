"""What a call would change, side by side or line by line."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from baton.changes import Change
from baton.changes import changes as changes_of
from baton.core.texts import one_line


def changes(question: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What the tool says that it would change; nothing where it says nothing."""
    if "changes_unknown" in question:
        why = one_line(str(question["changes_unknown"]))
        yield Text(f"what it would change could not be said: {why}", style="red")
    found = changes_of(question)
    if found:
        yield Text("it would change", style="bold")
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
