"""Between a model's reply and Baton's actions: the reserved properties out and in, and what is no valid call."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from baton.agents.tool import RESERVED
from baton.core import InvalidValue, ToolCall, ToolSpec

_CONFIDENCE = {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure you are that this call is right."}
_REASON = {"type": "string", "description": "Why you make this call, in one sentence."}

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""NUL as JSON writes it, behind whole escaped backslashes only."""


@dataclass(frozen=True, kw_only=True)
class ParsedCall:
    """A model's tool call, read.

    Attributes:
        arguments: As given, without the reserved properties; empty where there is a problem.
        confidence: 0 to 1; None if none was given.
        problem: Why it cannot be carried out, in words for the model; None if it can.
    """

    tool: str
    arguments: dict[str, Any]
    confidence: float | None
    reason: str
    margin: float | None
    problem: str | None = None


def offer(spec: ToolSpec) -> dict[str, Any]:
    """A tool as chat completions take it, with the reserved properties added."""
    properties = dict(spec.parameters.get("properties", {}))
    for name in RESERVED:
        if name in properties:
            raise InvalidValue(f"parameter of tool {spec.name}", name, "a name that Baton has not reserved")
    schema = spec.parameters | {"properties": properties | dict(zip(RESERVED, (_CONFIDENCE, _REASON), strict=True))}
    return {"type": "function", "function": {"name": spec.name, "description": spec.description, "parameters": schema}}


def parse(call: ToolCall, tools: Mapping[str, ToolSpec]) -> ParsedCall:
    """Read one call; whatever is wrong with it becomes its `problem`."""
    arguments, problem = _object(call.arguments)
    confidence = _confidence(arguments.pop(RESERVED[0], None))
    reason = arguments.pop(RESERVED[1], "")
    spec = tools.get(call.name)
    if spec is None:
        problem = f"there is no tool {call.name!r}; there is: {', '.join(tools)}"
    elif problem is None:
        try:
            spec.validate(arguments)
        except ValueError as error:
            problem = f"the arguments do not fit: {error}"
    return ParsedCall(
        tool=call.name,
        arguments={} if problem else arguments,
        confidence=confidence,
        reason=reason if isinstance(reason, str) else json.dumps(reason),
        margin=call.margin,
        problem=problem,
    )


def _object(text: str) -> tuple[dict[str, Any], str | None]:
    try:
        value = json.loads(_NUL.sub(r"\1\\ufffd", text) or "{}", parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return {}, "the arguments hold half of a surrogate pair, which is no text"
    except (ValueError, RecursionError) as error:
        return {}, f"the arguments are no JSON: {error}"
    if not isinstance(value, dict):
        return {}, f"the arguments are a JSON {type(value).__name__}, give an object"
    return cast("dict[str, Any]", value), None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _confidence(value: Any) -> float | None:
    """A number from 0 to 1; anything else is no confidence."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 1 else None
