"""Strangers' text made harmless, and values as people read them."""

import json
import re
from collections.abc import Mapping
from typing import Any

_HOSTILE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, escape sequences among them; not tab and newline
    "\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, or turning text around
    "\ud800-\udfff\U000e0000-\U000e0fff"  # halves of characters, and tags that nobody sees
    "]"
)


def safe(text: str) -> str:
    """`text` with every character replaced that could hide, reorder or command something on a screen."""
    return _HOSTILE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n")).expandtabs(4)


def one_line(text: str, width: int | None = None) -> str:
    """`text` made safe on one line, cut to `width` characters where one is given."""
    flat = " ".join(safe(text).split())
    return flat if width is None or len(flat) <= width else flat[: max(0, width - 1)].rstrip() + "…"


def call(tool: str, arguments: Mapping[str, Any], width: int | None = None) -> str:
    """A call as people read it: `refund(order_id="F-1", cents=300)`."""
    given = ", ".join(f"{name}={value(each)}" for name, each in arguments.items())
    return one_line(f"{tool}({given})", width)


def value(thing: Any) -> str:
    """A value as people read and type it: JSON with all its letters."""
    return json.dumps(thing, ensure_ascii=False)


def percent(share: float, places: int = 0) -> str:
    """A share as people read it: `57 %`."""
    return f"{100 * share:.{places}f} %"
