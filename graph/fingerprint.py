"""What of the code a run depends on, as one value that can be compared. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, cast

from baton.agents import BUILTINS, Agent
from baton.core import InvalidValue, JsonSchema, ToolSpec, digest, dump
from baton.graph.state import GRAPH

_TOLD = frozenset({"title", "description", "examples"})
"""What a schema says to readers; it changes nothing about which arguments fit."""


@dataclass(frozen=True, kw_only=True)
class ToolPrint:
    """What matters of a tool.

    Attributes:
        schema: Digest of its JSON schema, without titles and descriptions; empty for Baton's own tools.
        reconcile: Whether the world can be asked.
        upcasts: Versions whose arguments it takes, led to its own by upcasters.
    """

    version: str
    schema: str
    effect: str
    repeatable: bool
    reconcile: bool
    undo: str | None
    upcasts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a run of an agent depends on.

    Attributes:
        graph: Version of the graph and of the state that it keeps.
        agent: The agent's name.
        prose: Digest of each thing that may change freely: instructions, model, description; of a workflow its steps,
            of which those that a run has begun are looked at by themselves.
        hands_off_to: Whom it may hand work to.
        tools: By name.
        contracts: Of each kind of work that it takes and gives, the versions that it understands.
        steps: Of a workflow, what each of its steps does and with whom, by name; empty of an agent.
    """

    graph: int
    agent: str
    prose: Mapping[str, str]
    hands_off_to: tuple[str, ...]
    tools: Mapping[str, ToolPrint]
    contracts: Mapping[str, str] = field(default_factory=dict[str, str])
    steps: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def content(self) -> str:
        """As JSON, the same for the same code."""
        return dump({name: value for name, value in asdict(self).items() if name != "steps" or value})

    @cached_property
    def hash(self) -> str:
        """What it is called: 16 hex digits over its canonical JSON."""
        return digest(json.loads(self.content))[:16]


def fingerprint(agent: Agent) -> Fingerprint:
    """Of an agent as this code has it."""
    prose = {"instructions": agent.instructions, "model": agent.model, "description": agent.description}
    if agent.composition is not None:
        prose["steps"] = agent.composition.outline
    return Fingerprint(
        graph=GRAPH,
        agent=agent.name,
        prose={name: digest(text)[:16] for name, text in prose.items()},
        hands_off_to=tuple(sorted(agent.hands_off_to)),
        tools={name: _tool(spec) for name, spec in sorted(agent.specs.items())},
        contracts={one.name: one.supported for one in sorted(agent.contracts, key=lambda one: one.name)},
        steps=dict(agent.composition.begun) if agent.composition is not None else {},
    )


def read(content: str) -> Fingerprint:
    """A stored fingerprint.

    Raises:
        InvalidValue: if another Baton wrote it in a form that this one does not know.
    """
    try:
        fields = json.loads(content)
        tools = {name: ToolPrint(**one | {"upcasts": tuple(one["upcasts"])}) for name, one in fields["tools"].items()}
        return Fingerprint(**fields | {"tools": tools, "hands_off_to": tuple(fields["hands_off_to"])})
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidValue("stored fingerprint", content[:80], f"one that this Baton can read ({error})") from error


def _tool(spec: ToolSpec) -> ToolPrint:
    own = spec.name not in BUILTINS  # what Baton's own tools mean is part of the graph's version
    return ToolPrint(
        version=spec.version,
        schema=digest(dump(_shape(spec.parameters)))[:16] if own else "",
        effect=spec.effect.value,
        repeatable=spec.repeatable,
        reconcile=spec.reconcile is not None,
        undo=spec.undo,
        upcasts=tuple(sorted(spec.upcasters)),
    )


def _shape(schema: JsonSchema) -> JsonSchema:
    """A schema without what it only tells; keys sorted, as their order means nothing."""
    shape: dict[str, Any] = {}
    for key, value in sorted(schema.items()):
        if key in ("properties", "$defs"):
            shape[key] = {name: _shape(part) for name, part in sorted(value.items())}
        elif key not in _TOLD:
            shape[key] = _part(value)
    return shape


def _part(value: Any) -> Any:
    if isinstance(value, dict):
        return _shape(cast(JsonSchema, value))
    return [_part(one) for one in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]
