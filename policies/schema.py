"""The Cedar schema of an agent's tools, and a proposed call as an entity of it.

A rule sees `principal` (`Agent::"desk"`), `action` (`Action::"call"`, the agent alone, or
`Action::"call_with_approval"`) and `resource`, the call: an entity of type `Tool::<name>` with

    resource.effect       "read" or "write"
    resource.args.X       the argument; optional where the tool lets it be left out
    resource.trust.X      0 external, 1 agent, 2 verified tool, 3 user, 4 system
    resource.from.X       where its value was found, such as ["find_order.customer"]; see tracing
    context.X             its circumstances; see circumstances.py
    resource.secrecy.X    0 public, 1 internal, 2 confidential, 3 secret
    resource.vouched.X    whether the user has said it, or has named the record that it stands in; see naming
    resource.destinations       the declared destinations that are given, by name
    resource.destination_trust  the lowest trust among them; 4 where none is given
    resource.content_secrecy    the highest among the declared contents that are given; 0 where none is
    resource.egress             whether the call sends something out: a write, or a read that is declared to

Cedar's names are letters, digits and `_`: any other character of a tool's name becomes `_`, a leading
digit is given a `_` before it, and one of Cedar's own words a `_` behind it. Names that then meet are refused.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from baton.core import Confidentiality, Effect, InvalidValue, PolicyError, ToolSpec, Trust
from baton.policies import circumstances
from baton.policies.shapes import ESCAPES, Fields, shape_of
from baton.policies.tracing import Traced

CALL, CALL_WITH_APPROVAL = "call", "call_with_approval"
BUILT_IN = (
    *("plan", "remember", "recall", "read_on", "answer_reviewer", "withdraw_question"),
    *("wait", "wait_for", "finish", "hand_off", "ask_person"),
)
"""Tools of Baton's own: known to every policy, whether or not the agent at hand has them."""

_WORDS = frozenset(("true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar", "Agent"))
_UNSAFE_TEXT = re.compile("[\0\ud800-\udfff]")


def cedar_name(tool: str) -> str:
    """The name of a tool's entity type, without its `Tool::`."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", tool)
    name = f"_{name}" if name[:1].isdigit() else name
    return f"{name}_" if name in _WORDS or name.startswith("__cedar") else name


@dataclass(frozen=True)
class ToolType:
    """A tool as rules see it.

    Attributes:
        name: Its name in Cedar, such as `Tool::refund`.
        arguments: The type of its arguments.
        effect: `read` or `write`.
        destinations: Arguments that say where something goes.
        content: Arguments that say what goes there.
        egress: Whether a call sends something out.
    """

    name: str
    arguments: Fields
    effect: str
    destinations: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    egress: bool = False

    def declare(self) -> dict[str, Any]:
        """The entity type as Cedar's JSON schema writes it."""
        names = self.arguments.shapes
        sources = {"type": "Set", "element": {"type": "String"}}
        attributes = {
            "args": self.arguments.declare(),
            "trust": {"type": "Record", "attributes": {name: {"type": "Long"} for name in names}},
            "from": {"type": "Record", "attributes": {name: sources for name in names}},
            "secrecy": {"type": "Record", "attributes": {name: {"type": "Long"} for name in names}},
            "vouched": {"type": "Record", "attributes": {name: {"type": "Boolean"} for name in names}},
            "destinations": sources,
            "destination_trust": {"type": "Long"},
            "content_secrecy": {"type": "Long"},
            "egress": {"type": "Boolean"},
            "effect": {"type": "String"},
        }
        return {"shape": {"type": "Record", "attributes": attributes}}

    def entity(self, key: str, arguments: dict[str, Any], labels: Mapping[str, Traced]) -> dict[str, Any]:
        """A call of this tool with id `key`, as Cedar's entity JSON.

        Raises:
            InvalidValue: if an argument is missing, unknown or does not fit.
        """
        _refuse_unsafe(arguments)
        names = self.arguments.shapes
        given = [name for name in self.destinations if not _is_empty(arguments.get(name))]
        said = [name for name in self.content if not _is_empty(arguments.get(name))]
        attributes = {
            "args": self.arguments.convert(arguments, "arguments"),
            "trust": {name: int(labels[name].trust) for name in names},
            "from": {name: sorted(labels[name].sources) for name in names},
            "secrecy": {name: int(labels[name].secrecy) for name in names},
            "vouched": {name: labels[name].vouched for name in names},
            "destinations": given,
            "destination_trust": int(min((labels[name].trust for name in given), default=Trust.SYSTEM)),
            "content_secrecy": int(max((labels[name].secrecy for name in said), default=Confidentiality.PUBLIC)),
            "egress": self.egress,
            "effect": self.effect,
        }
        return {"uid": {"type": self.name, "id": key}, "attrs": attributes, "parents": []}


def tool_types(policy: str, tools: Iterable[ToolSpec]) -> dict[str, ToolType]:
    """The tools by name.

    Raises:
        PolicyError: if two names are one in Cedar or one is Baton's own there, or an argument has a name that Cedar
            keeps for itself.
    """
    found: dict[str, ToolType] = {}
    owners: dict[str, str] = {}
    for tool in tools:
        name = f"Tool::{cedar_name(tool.name)}"
        if name in owners:
            raise PolicyError(policy, f"tools {owners[name]!r} and {tool.name!r} are both {name}", "Rename one.")
        if cedar_name(tool.name) in BUILT_IN and tool.name not in BUILT_IN:
            raise PolicyError(
                policy, f"tool {tool.name!r} would pass for {name}", "Rename it: that one is Baton's own."
            )
        arguments = shape_of(tool.parameters)
        for taken in sorted(ESCAPES & arguments.shapes.keys()):
            raise PolicyError(
                policy, f"tool {tool.name!r} has an argument {taken!r}", "Cedar keeps that name: rename it."
            )
        owners[name] = tool.name
        found[tool.name] = ToolType(
            name,
            arguments,
            tool.effect.value,
            tool.destinations,
            tool.content,
            tool.egress or tool.effect is Effect.WRITE,
        )
    return found


def schema_text(tools: Iterable[ToolType]) -> str:
    """The schema as JSON text; built-in tools that are not among `tools` are there without arguments."""
    absent = {name: ToolType(f"Tool::{name}", shape_of({}), Effect.WRITE.value) for name in BUILT_IN}
    types = {tool.name: tool.declare() for tool in (*absent.values(), *tools)}
    scope = {"principalTypes": ["Agent"], "resourceTypes": sorted(types), "context": circumstances.declare()}
    main: dict[str, Any] = {
        "entityTypes": {"Agent": {}},
        "actions": {action: {"appliesTo": scope} for action in (CALL, CALL_WITH_APPROVAL)},
    }
    named = {name.removeprefix("Tool::"): declared for name, declared in types.items()}
    return json.dumps({"": main, "Tool": {"entityTypes": named, "actions": {}}}, sort_keys=True)


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _refuse_unsafe(arguments: dict[str, Any]) -> None:
    """Texts that two readers may take for different ones are refused, wherever they stand."""
    left: list[tuple[str, Any]] = list(arguments.items())
    while left:
        name, value = left.pop()
        if isinstance(value, str) and _UNSAFE_TEXT.search(value):
            raise InvalidValue(f"argument {name}", value, "text without NUL and without lone surrogates")
        if isinstance(value, dict):
            fields = cast(dict[str, Any], value)
            left.extend((name, part) for part in (*fields, *fields.values()))
        if isinstance(value, list):
            left.extend((name, part) for part in cast(Sequence[Any], value))
