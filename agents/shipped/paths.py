"""Paths as agents give them: relative, in one spelling, and without anything that could lead out. No I/O."""

import re
import unicodedata

MOST_BYTES = 255
"""Bytes of the longest name of a file or folder."""

MOST_NAMES = 32
"""How deep a path may go."""


def names_of(path: str) -> tuple[str, ...]:
    """The names on the way to a file or folder, in Unicode's normal form C: what looks the same is the same.

    Raises:
        ValueError: with a sentence for the model, for a path that is absolute or empty, leads upwards, begins a name
            with a dot, or holds what other systems read as a separator.
    """
    names = tuple(unicodedata.normalize("NFC", path).split("/"))
    if len(names) > MOST_NAMES:
        raise ValueError(f"the path is too deep: {MOST_NAMES} names at most")
    for name in names:
        problem = _problem(name)
        if problem is not None:
            raise ValueError(f"{path!r} is not allowed: {problem}. Give a relative path such as reports/may.txt")
    return names


def is_usable(name: str) -> bool:
    """Whether a name found in a folder can be given in a path, so that it is worth showing."""
    return _problem(name) is None and unicodedata.is_normalized("NFC", name)


def _problem(name: str) -> str | None:
    if not name:
        return "it is absolute, or a name in it is empty"
    if name.startswith("."):
        return "no name may begin with a dot"
    if re.search(r"[\\:]", name):
        return "no name may hold a backslash or a colon"
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name):
        return "a name holds characters that cannot be seen"
    if len(name.encode()) > MOST_BYTES:
        return f"a name is longer than {MOST_BYTES} bytes"
    return None
