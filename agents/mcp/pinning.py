"""Pinning: asking a server for its tools, and keeping them as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from baton.agents.mcp.connection import Line, said_of
from baton.agents.mcp.pins import Pin, read_pins, write_pins
from baton.agents.mcp.places import McpServer
from baton.core import InvalidValue, NotFound


@dataclass(frozen=True, kw_only=True)
class Change:
    """What differs between a server's tools and their pins."""

    server: str
    tool: str
    kind: Literal["new", "changed", "gone"]
    before: Pin | None
    now: Pin | None


async def look(server: McpServer) -> Mapping[str, Pin]:
    """The tools that a server offers now, by name.

    Raises:
        InvalidValue: if it cannot be asked.
    """
    line = Line(server)
    try:
        await line.ready
        return line.offers
    except InvalidValue:
        raise
    except Exception as error:
        where = server.url or " ".join(server.command or ())
        raise InvalidValue(f"MCP server {server.name}", where, f"one that answers ({said_of(error)})") from error
    finally:
        await line.close()


async def pin_tools(server: McpServer, pins: str | Path, *, write: bool = True) -> list[Change]:
    """Pin the tools that a server offers now; what differs from before.

    Args:
        server: The server.
        pins: The file.
        write: Whether to write it; else it is only looked.

    Raises:
        InvalidValue: if the server cannot be asked.
        InvalidFile: if the file cannot be read.
    """
    now = await look(server)
    before = _before(pins, server.name)
    changes = [
        Change(server=server.name, tool=name, kind=kind, before=before.get(name), now=now.get(name))
        for name in sorted({*before, *now})
        if (kind := _kind(before.get(name), now.get(name))) is not None
    ]
    if write:
        write_pins(pins, server.name, now)
    return changes


def _before(pins: str | Path, server: str) -> Mapping[str, Pin]:
    try:
        return read_pins(pins, server)
    except NotFound:
        return {}


def _kind(before: Pin | None, now: Pin | None) -> Literal["new", "changed", "gone"] | None:
    if before is None or now is None:
        return "new" if before is None else "gone"
    return None if before.digest == now.digest else "changed"
