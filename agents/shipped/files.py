"""Files for agents: one folder and what is beneath it."""

from pathlib import Path
from typing import Any, TypedDict

from baton.agents.shipped.folder import Folder
from baton.agents.shipped.paths import names_of
from baton.agents.tool import Tool, tool
from baton.core import InvalidValue

_GUESS = 8192
"""Bytes that tell whether a file is text."""


class Listed(TypedDict):
    """One thing in a folder; `bytes` is None for a folder."""

    name: str
    bytes: int | None


class Written(TypedDict):
    """What was written; `new` says whether there was no such file before."""

    path: str
    bytes: int
    new: bool


class Deleted(TypedDict):
    """What was deleted; `was_there` says whether there was such a file."""

    path: str
    was_there: bool


def file_tools(
    root: str | Path, *, writes: bool = True, deletes: bool = False, most_bytes: int = 1_000_000
) -> list[Tool[..., Any]]:
    """Make `list_files` and `read_file`, reads, and `write_file` and `delete_file`, writes.

    None of them leaves the folder: no path leads upwards, links are never followed, and names that begin with a dot
    are not there. What they read is external text.

    Args:
        root: The folder; `write_file` makes it.
        writes: Whether to make `write_file`.
        deletes: Whether to make `delete_file`.
        most_bytes: Bytes of the longest file that is read or written.

    Raises:
        InvalidValue: if the limit cannot be one, or this system lacks openat.
    """
    if most_bytes < 1:
        raise InvalidValue("most_bytes of file_tools", most_bytes, "1 or more")
    folder = Folder(root)

    @tool(effect="read")
    def list_files(path: str = "") -> list[Listed]:
        """List what is in a folder.

        Args:
            path: The folder, such as reports/2026; empty for the whole.
        """
        return [Listed(name=each.name, bytes=each.size) for each in folder.entries(names_of(path) if path else ())]

    @tool(effect="read")
    def read_file(path: str) -> str:
        """Read a text file.

        Args:
            path: The file, such as reports/may.txt.
        """
        raw = folder.read(names_of(path), most_bytes)
        if b"\0" in raw[:_GUESS]:
            raise ValueError(f"{path!r} is no text: {len(raw)} bytes of something else")
        return raw.decode("utf-8", "replace").removeprefix("\ufeff")

    def written(path: str, text: str) -> dict[str, tuple[str | None, str]]:
        """What `write_file` would change."""
        names = names_of(path)
        before = folder.read(names, most_bytes).decode("utf-8", "replace") if folder.holds(names) else None
        return {"/".join(names): (before, text)}

    @tool(effect="write", repeatable=True, destinations=["path"], content=["text"], preview=written)
    def write_file(path: str, text: str, *, key: str) -> Written:
        """Write a text file, in place of one that is there.

        Args:
            path: The file, such as reports/may.txt; folders on the way are made.
            text: All of its text.
            key: Idempotency key, given by Baton: repeated, the same call writes the same.
        """
        raw = text.encode()
        if len(raw) > most_bytes:
            raise ValueError(f"the text has {len(raw)} bytes, and {most_bytes} may be written")
        names = names_of(path)
        return Written(path="/".join(names), bytes=len(raw), new=not folder.write(names, raw))

    @tool(effect="write", repeatable=True, destinations=["path"])
    def delete_file(path: str, *, key: str) -> Deleted:
        """Delete a file.

        Args:
            path: The file, such as reports/may.txt.
            key: Idempotency key, given by Baton: repeated, the same call finds nothing left to delete.
        """
        names = names_of(path)
        return Deleted(path="/".join(names), was_there=folder.delete(names))

    return [list_files, read_file, *([write_file] if writes else []), *([delete_file] if deletes else [])]
