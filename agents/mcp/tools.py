"""Tools of an MCP server as an agent's: named, validated, with effects as the project declares them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from baton.agents.mcp.connection import Connection
from baton.agents.mcp.pins import FILE, Pin, read_pins
from baton.agents.mcp.places import McpServer
from baton.agents.tool import RESERVED
from baton.core import Effect, InvalidValue, JsonSchema, NotFound, ToolSpec

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class McpTool:
    """What a project says of a tool of an MCP server. What the server says of it counts for nothing.

    Attributes:
        effect: `read` may be repeated freely; `write` is carried out at most once.
        repeatable: A write that may be sent again when nobody knows whether it happened. The server gets no key.
        egress: Whether a read sends something out: its arguments do go to the server.
        destinations: Parameters that say where something goes.
        content: Parameters that say what goes there.
        undo: Name of the agent's tool that undoes it.
        timeout: Seconds for a call; None is the server's.
        name: What the model calls it; None is the server's name, an underscore, and the tool's.
        description: What the model is told of it; None is what was pinned.
    """

    effect: Literal["read", "write"] = "write"
    repeatable: bool = False
    egress: bool = True
    destinations: Sequence[str] = ()
    content: Sequence[str] = ()
    undo: str | None = None
    timeout: float | None = None
    name: str | None = None
    description: str | None = None


def mcp_tools(
    server: McpServer, *, pins: str | Path = FILE, tools: Mapping[str, McpTool] | None = None
) -> list[ToolSpec]:
    """Tools of an MCP server, as they were pinned; the server is reached with the first call.

    Args:
        server: The server.
        pins: The file that its tools were pinned in.
        tools: Those that the agent gets, by the server's names for them; None is all, each a write.

    Raises:
        NotFound: if the server or a tool is not pinned.
        InvalidFile: if the file cannot be read.
        InvalidValue: if a tool cannot be one of an agent's.
    """
    known = read_pins(pins, server.name)
    wanted = {name: McpTool() for name in known} if tools is None else tools
    connection = Connection(server)
    return [_spec(server, connection, _pinned(server, known, name), said) for name, said in wanted.items()]


def _pinned(server: McpServer, known: Mapping[str, Pin], name: str) -> Pin:
    if name not in known:
        raise NotFound(f"pinned tool of MCP server {server.name}", name, known)
    return known[name]


def _spec(server: McpServer, connection: Connection, pin: Pin, said: McpTool) -> ToolSpec:
    name = said.name or f"{server.name}_{re.sub('[^A-Za-z0-9_-]', '_', pin.name)}"
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"name of MCP tool {pin.name}", name, "letters, digits, _ and -, 64 at most: give a `name`")

    timeout = said.timeout or server.timeout

    async def run(**arguments: Any) -> Any:
        return await connection.call(pin, arguments, timeout)

    return ToolSpec(
        name=name,
        description=pin.description if said.description is None else said.description,
        parameters=_parameters(name, pin.schema),
        run=run,
        validate=_validator(name, pin.schema),
        effect=Effect(said.effect),
        repeatable=said.repeatable,
        egress=said.egress,
        destinations=tuple(said.destinations),
        content=tuple(said.content),
        undo=said.undo,
        timeout=timeout,
        version=pin.version,
        close=connection.close,
    )


def _parameters(name: str, schema: JsonSchema) -> JsonSchema:
    properties = schema.get("properties", {})
    taken = [one for one in RESERVED if one in properties]
    if schema.get("type") != "object" or not isinstance(properties, dict) or taken:
        allowed = f"an object's schema, without {' and '.join(RESERVED)}"
        raise InvalidValue(f"schema of MCP tool {name}", schema.get("type"), allowed)
    return {**schema, "properties": properties}


def _validator(name: str, schema: JsonSchema) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Checks arguments against a schema of a stranger's, which refers to nothing outside itself."""
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise InvalidValue(f"schema of MCP tool {name}", error.message[:200], "a JSON schema") from error
    return partial(_validate, kind(schema, registry=Registry()))


def _validate(validator: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    from referencing.exceptions import Unresolvable

    try:
        found = sorted(validator.iter_errors(arguments), key=lambda error: error.json_path)[:5]
    except Unresolvable as error:
        raise ValueError(f"its schema refers to something outside itself: {error}") from error
    if found:
        raise ValueError("; ".join(f"{error.json_path}: {error.message[:200]}" for error in found))
    return arguments
