"""Pins: the tools of MCP servers as somebody has looked at them, in a file that belongs into version control.

A server says itself what its tools are called, what they do and which arguments they take, and may say something else
tomorrow. So all of that is read from the file, and a server that offers something else is not called.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from baton.core import InvalidFile, JsonSchema, NotFound, digest, dump

if TYPE_CHECKING:
    from mcp_types import Tool as ServedTool

FILE = "mcp-tools.json"
"""What the file is called where nobody says otherwise."""

HINT = "`baton mcp pin` asks the servers of a project for their tools, shows them, and writes the file."


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A tool as a server offers it.

    Attributes:
        name: What the server calls it.
        description: What the model is told of it.
        schema: JSON schema of its arguments.
        hints: What the server says of its effects; told to who pins it, and believed by nobody else.
    """

    name: str
    description: str
    schema: JsonSchema
    hints: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """Of all that a model or a call depends on."""
        return digest(dump({"description": self.description, "schema": self.schema}))

    @cached_property
    def version(self) -> str:
        """Of its arguments: what is proposed for another one is not carried out for this."""
        return digest(dump(self.schema))[:12]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    description: str
    schema_: dict[str, Any]
    hints: dict[str, Any] = {}


def pin_of(tool: "ServedTool") -> Pin:
    """A tool as it stands."""
    hints = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {}
    told = {name: value for name, value in sorted(hints.items()) if name != "title"}
    return Pin(name=tool.name, description=tool.description or "", schema=dict(tool.input_schema), hints=told)


def read_pins(path: str | Path, server: str) -> Mapping[str, Pin]:
    """The pinned tools of a server, by the names that it has for them.

    Raises:
        NotFound: if nothing of it is pinned.
        InvalidFile: if the file cannot be read.
    """
    known = _read(Path(path))
    if server not in known:
        raise NotFound("pinned MCP server", server, known, hint=HINT)
    return known[server]


def write_pins(path: str | Path, server: str, pins: Mapping[str, Pin]) -> None:
    """Keep the tools of a server in the file, those of other servers as they are."""
    file = Path(path)
    servers = _read(file) | {server: pins}
    said = {
        name: {pin.name: {k: v for k, v in asdict(pin).items() if k != "name"} for pin in _sorted(tools)}
        for name, tools in sorted(servers.items())
    }
    file.write_text(json.dumps({"servers": said}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _sorted(pins: Mapping[str, Pin]) -> list[Pin]:
    return [pins[name] for name in sorted(pins)]


def _read(file: Path) -> dict[str, Mapping[str, Pin]]:
    if not file.exists():
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        return {
            server: {name: _pin(name, entry) for name, entry in tools.items()}
            for server, tools in said["servers"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InvalidFile(str(file), None, "pins", str(error)[:200], f"as Baton wrote it. {HINT}") from error


def _pin(name: str, entry: dict[str, Any]) -> Pin:
    read = _Entry.model_validate({"schema_" if key == "schema" else key: value for key, value in entry.items()})
    return Pin(name=name, description=read.description, schema=read.schema_, hints=read.hints)
