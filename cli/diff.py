"""What a call would change, side by side or line by line."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from baton.core.texts import one_line, safe, value

_MOST_LINES = 60


def changes(question: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What the tool says that it would change; nothing where it says nothing."""
    if "changes_unknown" in question:
        why = one_line(str(question["changes_unknown"]))
        yield Text(f"what it would change could not be said: {why}", style="red")
    found = cast(Mapping[str, tuple[Any, Any]], question.get("changes") or {})
    if found:
        yield Text("it would change", style="bold")
    for name, (before, after) in found.items():
        if _is_long(before) or _is_long(after):
            yield Text(f"  {one_line(name)}")
            yield Padding(_lines(before or "", after or ""), (0, 0, 0, 4))
        else:
            sides = ((_shown(before), "red"), "  →  ", (_shown(after), "green"))
            yield Text.assemble((f"  {one_line(name)}  ", ""), *sides)


def _lines(before: str, after: str) -> Text:
    """The lines that differ, with three around them."""
    found = list(difflib.unified_diff(safe(before).splitlines(), safe(after).splitlines(), lineterm="", n=3))[2:]
    text = Text()
    for line in found[:_MOST_LINES]:
        style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")
        text.append(f"{line}\n", style=style)
    if len(found) > _MOST_LINES:
        text.append(f"… {len(found) - _MOST_LINES} more lines", style="dim")
    text.rstrip()
    return text


def _is_long(side: Any) -> bool:
    return isinstance(side, str) and ("\n" in side or len(side) > 60)


def _shown(side: Any) -> str:
    return "nothing" if side is None else safe(side) if isinstance(side, str) else safe(value(side))
