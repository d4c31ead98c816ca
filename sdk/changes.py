"""What a call would change, as its tool says: side by side, or line by line where it is long."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from baton.core.texts import safe, value

_MOST_LINES = 60


@dataclass(frozen=True)
class Change:
    """One thing that a call would change.

    Attributes:
        before: How it is, in words.
        after: How it would be.
        lines: The lines that differ with three around them, as a unified diff has them; None where it is short.
        left_out: How many more such lines there are.
    """

    name: str
    before: str
    after: str
    lines: tuple[str, ...] | None = None
    left_out: int = 0


def changes(question: Mapping[str, Any]) -> list[Change]:
    """What the tool of a question says that it would change; nothing where it says nothing."""
    found = cast(Mapping[str, tuple[Any, Any]], question.get("changes") or {})
    return [_change(name, before, after) for name, (before, after) in found.items()]


def drift(question: Mapping[str, Any]) -> list[Change]:
    """What of that which an action rests on is not as it was when it was read, or approved."""
    found = cast("Sequence[Mapping[str, Any]]", question.get("drift") or ())
    return [_change(one["name"], one["before"], one["why"] or one["after"]) for one in found]


def _change(name: str, before: Any, after: Any) -> Change:
    lines = _lines(before or "", after or "") if _is_long(before) or _is_long(after) else None
    kept = tuple(lines[:_MOST_LINES]) if lines is not None else None
    return Change(name, _shown(before), _shown(after), kept, max(0, len(lines or ()) - _MOST_LINES))


def _lines(before: Any, after: Any) -> list[str]:
    old, new = (safe(side if isinstance(side, str) else value(side)).splitlines() for side in (before, after))
    return list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]


def _is_long(side: Any) -> bool:
    return isinstance(side, str) and ("\n" in side or len(side) > 60)


def _shown(side: Any) -> str:
    return "nothing" if side is None else safe(side) if isinstance(side, str) else safe(value(side))
