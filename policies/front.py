"""Rules in YAML for the common cases. They become Cedar, which alone decides; `baton policy show` prints it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from baton.core import Confidentiality, InvalidFile, InvalidValue, Trust
from baton.core.yaml_file import line_of, read_yaml
from baton.policies.schema import CALL, CALL_WITH_APPROVAL, ToolType
from baton.policies.shapes import Many, Number, Shape

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STRICT = ConfigDict(extra="forbid")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else (value,)  # pyright: ignore[reportUnknownVariableType]


Texts = Annotated[list[str], BeforeValidator(_listed)]
Values = Annotated[list[str | int | float | bool], BeforeValidator(_listed)]
_Compared = int | float


class Demand(BaseModel):
    """What an argument has to be: all that is given."""

    model_config = _STRICT

    equal: str | bool | int | float | None = None
    one_of: Values | None = None
    none_of: Values | None = None
    at_most: _Compared | None = None
    at_least: _Compared | None = None
    under: _Compared | None = None
    over: _Compared | None = None
    like: str | None = None
    domains: Texts | None = None
    source: Texts | None = Field(None, alias="from")
    trusted: str | None = None
    vouched: bool | None = None
    given: bool | None = None


Demands = dict[str, Demand]


class Entry(BaseModel):
    """One rule: exactly one of `allow`, `ask`, `deny` and `deny_alone`, with the tools that it speaks of."""

    model_config = _STRICT

    id: str
    allow: Texts | None = None
    ask: Texts | None = None
    deny: Texts | None = None
    deny_alone: Texts | None = None
    effect: str | None = Field(None, pattern="^(read|write)$")
    when: Demands = {}
    unless: Demands = {}
    hours: str | None = None
    days: str | None = None
    environment: Texts | None = None
    tenants: Texts | None = None
    requesters: Texts | None = None
    calls: int | None = Field(None, ge=0)
    planned: bool | None = None
    destinations: str | None = None
    content: str | None = None
    confidence: float | None = None
    at_most: str | None = None
    certainty: str | None = None
    limit: str | None = None
    kind: str | None = Field(None, alias="class")
    reason: str | None = None
    reviewers: Texts | None = None
    quorum: int | None = None
    deadline: str | None = None
    on_deadline: str | None = None
    escalate_to: Texts | None = None
    four_eyes: bool = False
    valid: str | None = None
    cost: float | None = None
    skills: Texts | None = None
    window: str | None = None
    recall: str | None = None
    reserve: bool = False


class Front(BaseModel):
    """A policy file."""

    model_config = _STRICT

    rules: list[Entry] = Field(min_length=1)


def cedar_from_yaml(file: str | Path, tools: Mapping[str, ToolType], text: str | None = None) -> str:
    """The Cedar text that a YAML policy stands for.

    Args:
        file: Its path.
        tools: The agent's tools by name.
        text: What stands in it; None reads it.

    Raises:
        InvalidFile: if it says something that is not allowed, such as a tool or an argument that is not there.
    """
    front, tree = read_yaml(file, Front, text)
    written: list[str] = []
    for number, entry in enumerate(front.rules):
        try:
            written += _rules(entry, tools)
        except InvalidValue as error:
            where = line_of(tree, ("rules", number))
            raise InvalidFile(str(file), where, f"rules.{number}: {error.what}", error.value, error.allowed) from error
    return f"// From {Path(file).name}, which is what to edit.\n\n" + "\n\n".join(written) + "\n"


def _rules(entry: Entry, tools: Mapping[str, ToolType]) -> Iterator[str]:
    """The entry as Cedar, a rule a tool; several get ids of their own."""
    effect, action, names = _head(entry)
    for name in names:
        tool = None if name == "*" else tools.get(name)
        if tool is None and name != "*":
            raise InvalidValue("tool", name, f"* or one of: {', '.join(tools)}")
        id = entry.id if len(names) == 1 else f"{entry.id}.{name}"
        scope = f"resource is {tool.name}" if tool else "resource"
        when, unless = _conditions(entry, tool)
        lines = [f"@id({quoted(id)})", *_annotations(entry), f"{effect} (principal, {action}, {scope})"]
        lines += ["when {\n    " + " &&\n    ".join(when) + "\n}"] if when else []
        lines += ["unless {\n    " + " &&\n    ".join(unless) + "\n}"] if unless else []
        yield "\n".join(lines) + ";"


def _head(entry: Entry) -> tuple[str, str, list[str]]:
    alone, asked = f'action == Action::"{CALL}"', f'action == Action::"{CALL_WITH_APPROVAL}"'
    heads = {
        "allow": ("permit", alone, entry.allow),
        "ask": ("permit", asked, entry.ask),
        "deny": ("forbid", "action", entry.deny),
        "deny_alone": ("forbid", alone, entry.deny_alone),
    }
    given = [name for name, head in heads.items() if head[2]]
    if len(given) != 1:
        raise InvalidValue(f"rule {entry.id}", given, f"exactly one of {', '.join(heads)}, with tools")
    effect, action, names = heads[given[0]]
    return effect, action, names or []


def _annotations(entry: Entry) -> Iterator[str]:
    said: dict[str, Any] = {
        "class": entry.kind,
        "reason": entry.reason,
        "limit": entry.limit,
        "min_confidence": None if entry.confidence is None else f"{entry.confidence:g}",
        "at_most": entry.at_most,
        "certainty": entry.certainty,
        "reviewers": ",".join(entry.reviewers) if entry.reviewers else None,
        "quorum": None if entry.quorum is None else str(entry.quorum),
        "deadline": entry.deadline,
        "on_deadline": entry.on_deadline,
        "escalate_to": ",".join(entry.escalate_to) if entry.escalate_to else None,
        "four_eyes": "true" if entry.four_eyes else None,
        "valid": entry.valid,
        "cost": None if entry.cost is None else f"{entry.cost:g}",
        "skills": ",".join(entry.skills) if entry.skills else None,
        "window": entry.window,
        "recall": entry.recall,
        "reserve": "true" if entry.reserve else None,
    }
    return (f"@{name}({quoted(value)})" for name, value in said.items() if value is not None)


def _conditions(entry: Entry, tool: ToolType | None) -> tuple[list[str], list[str]]:
    when = [f"resource.effect == {quoted(entry.effect)}"] if entry.effect else []
    when += _hours(entry.hours) + _days(entry.days)
    for name, values in (("environment", entry.environment), ("tenant", entry.tenants)):
        when += [f"[{', '.join(map(quoted, values))}].contains(context.{name})"] if values else []
    if entry.requesters:
        when.append("context has requester")
        when.append(f"[{', '.join(map(quoted, entry.requesters))}].contains(context.requester)")
    when += [f"context.count < {entry.calls}"] if entry.calls is not None else []
    when += [f"{'' if entry.planned else '!'}context.planned"] if entry.planned is not None else []
    if entry.destinations is not None:
        when.append(f"resource.destination_trust >= {_level('destinations', entry.destinations, Trust)}")
    if entry.content is not None:
        when.append(f"resource.content_secrecy <= {_level('content', entry.content, Confidentiality)}")
    when += [part for name, demand in entry.when.items() for part in _argument(name, demand, tool)]
    return when, [part for name, demand in entry.unless.items() for part in _argument(name, demand, tool)]


def _hours(text: str | None) -> list[str]:
    if text is None:
        return []
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", text.replace(" ", ""))
    if found is None:
        raise InvalidValue("hours", text, "two times of day such as 08:00-18:00")
    first, last = int(found[1] + found[2]), int(found[3] + found[4])
    if first < last:
        return [f"context.clock >= {first}", f"context.clock < {last}"]
    return [f"(context.clock >= {first} || context.clock < {last})"]


def _days(text: str | None) -> list[str]:
    if text is None:
        return []
    if text == "workdays":
        return ["context.workday"]
    first, _, last = text.replace(" ", "").partition("-")
    if first not in DAYS or (last or first) not in DAYS or DAYS.index(last or first) < DAYS.index(first):
        raise InvalidValue("days", text, f"workdays, or days such as mon-fri, of: {', '.join(DAYS)}")
    return [f"context.weekday >= {DAYS.index(first) + 1}", f"context.weekday <= {DAYS.index(last or first) + 1}"]


def _argument(name: str, demand: Demand, tool: ToolType | None) -> list[str]:
    if tool is None:
        raise InvalidValue("condition", name, "none, as the rule speaks of every tool")
    shapes = tool.arguments.shapes
    if name not in shapes:
        raise InvalidValue("argument", name, f"one of: {', '.join(shapes) or 'none'}")
    path, shape = f"resource.args.{name}", shapes[name]
    asked = demand.model_dump(exclude_none=True, exclude={"given"})
    looks = bool(asked.keys() - {"source", "trusted", "vouched"})
    optional = name not in tool.arguments.required
    found = [f"resource.args has {name}"] if demand.given or (optional and looks and demand.given is None) else []
    found += [f"!(resource.args has {name})"] if demand.given is False else []
    for key, value in asked.items():
        found += _OPERATORS[key](name, path, shape, value)
    return found


def _compare(operator: str, method: str) -> Callable[[str, str, Shape, Any], list[str]]:
    def written(name: str, path: str, shape: Shape, value: Any) -> list[str]:
        if isinstance(shape, Number):
            return [f"{path}.{method}({literal(shape, value)})"]
        return [f"{path} {operator} {literal(shape, value)}"]

    return written


def _each(path: str, shape: Shape, values: Sequence[Any], method: str) -> str:
    """A list has to lie within the values; anything else has to be one of them."""
    inner = shape.of if isinstance(shape, Many) else shape
    made = f"[{', '.join(literal(inner, value) for value in values)}]"
    return f"{made}.containsAll({path})" if isinstance(shape, Many) else f"{made}.{method}({path})"


def _one_of(name: str, path: str, shape: Shape, values: Sequence[Any]) -> list[str]:
    return [_each(path, shape, values, "contains")]


def _none_of(name: str, path: str, shape: Shape, values: Sequence[Any]) -> list[str]:
    if isinstance(shape, Many):
        return [f"!{path}.containsAny([{', '.join(literal(shape.of, value) for value in values)}])"]
    return [f"!{_each(path, shape, values, 'contains')}"]


def _domains(name: str, path: str, shape: Shape, values: Sequence[str]) -> list[str]:
    if isinstance(shape, Many):
        raise InvalidValue(f"domains of {name}", list(values), "a single address; for a list use one_of")
    parts = [f"{path} like {quoted('*@' + value)}" for value in values]
    several = f'!({path} like "*@*@*")'  # one address that ends so, and not a list of them
    return [f"({' || '.join(parts)})" if len(parts) > 1 else parts[0], several]


def _sources(name: str, path: str, shape: Shape, values: Sequence[str]) -> list[str]:
    parts = [f"resource.from.{name}.contains({quoted(value)})" for value in values]
    return [f"({' || '.join(parts)})" if len(parts) > 1 else parts[0]]


def _trusted(name: str, path: str, shape: Shape, value: str) -> list[str]:
    return [f"resource.trust.{name} >= {_level(f'trusted of {name}', value, Trust)}"]


def _vouched(name: str, path: str, shape: Shape, value: bool) -> list[str]:
    return [f"{'' if value else '!'}resource.vouched.{name}"]


def _level(what: str, value: str, scale: type[Trust] | type[Confidentiality]) -> int:
    names = [level.name.lower() for level in scale]
    if value not in names:
        raise InvalidValue(what, value, f"one of: {', '.join(names)}")
    return names.index(value)


_OPERATORS: Mapping[str, Callable[[str, str, Shape, Any], list[str]]] = {
    "equal": lambda name, path, shape, value: [f"{path} == {literal(shape, value)}"],
    "one_of": _one_of,
    "none_of": _none_of,
    "at_most": _compare("<=", "lessThanOrEqual"),
    "at_least": _compare(">=", "greaterThanOrEqual"),
    "under": _compare("<", "lessThan"),
    "over": _compare(">", "greaterThan"),
    "like": lambda name, path, shape, value: [f"{path} like {quoted(value)}"],
    "domains": _domains,
    "source": _sources,
    "trusted": _trusted,
    "vouched": _vouched,
}


def literal(shape: Shape, value: Any) -> str:
    """A value as Cedar writes it, of the argument's own type."""
    converted = shape.convert(value, "value")
    if isinstance(shape, Number):
        return f'decimal("{converted}")'
    if isinstance(converted, bool):
        return json.dumps(converted)
    return quoted(converted) if isinstance(converted, str) else str(converted)


def quoted(value: str) -> str:
    """A Cedar string."""
    return f'"{"".join(map(_letter, value))}"'


def _letter(letter: str) -> str:
    return _ESCAPED.get(letter) or (letter if letter.isprintable() else f"\\u{{{ord(letter):x}}}")


_ESCAPED = {"\\": "\\\\", '"': '\\"'}
