"""From "always allow this" to a rule: as narrow as the decision it is from, for a time, with a match and a near miss.

A number may be up to what it was; what came from a field of a verified tool's result has to come from there; what a
tool declares as content may be anything that is no more confidential; every other argument has to be what it was.
Whoever owns the policy accepts the rule, or does not.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from baton.core import Action, Confidentiality, Conflict, Effect, Ruling, ToolSpec, Trust, Verdict
from baton.policies.cedar import CedarPolicy
from baton.policies.front import literal, quoted
from baton.policies.rules import PolicyText
from baton.policies.schema import CALL, ToolType, tool_types
from baton.policies.shapes import Fields, Number, Shape, Whole
from baton.policies.trials import Trial, run_trial


def rule_for(
    action: Action, verdict: Verdict, spec: ToolSpec, *, id: str, until: float, by: str
) -> tuple[str, list[dict[str, Any]]]:
    """The rule that would have let an approved action go ahead, and its tests: one match, one near miss.

    Args:
        action: What was approved, with the arguments that ran.
        verdict: What policy said of it: the windows in which it takes effect, and for how long it can be recalled, go
            with the rule.
        spec: Its tool.
        id: The `@id` of the rule.
        until: When it ends, in seconds since 1970.
        by: Who approved the action.

    Raises:
        Conflict: if no such rule can be written; says why.
    """
    tool = tool_types(id, [spec])[action.tool]
    seen: Mapping[str, Any] = verdict.evidence.get("arguments") or {}
    lines = [f"context.now < {int(until)}"]
    for name, shape in tool.arguments.shapes.items():
        if name in tool.content and not isinstance(shape, Number | Whole):
            lines.append(f"resource.secrecy.{name} <= {_secrecy(seen.get(name) or {})}")
        else:
            lines.append(_condition(name, action.arguments.get(name), shape, seen.get(name) or {}, tool))
    day = datetime.fromtimestamp(until, UTC).date().isoformat()
    head = [f"@id({quoted(id)})", f"@reason({quoted(f'as {by} approved it; until {day}')})"]
    if action.confidence is not None:
        head.append(f'@min_confidence("{int(action.confidence * 100) / 100:g}")')
    head += _held_up(verdict, tool)
    body = " &&\n    ".join(lines)
    rule = "\n".join([*head, f'permit (principal, action == Action::"{CALL}", resource is {tool.name})'])
    return f"{rule}\nwhen {{\n    {body}\n}};\n", _tests(action, seen, tool, id, until)


def _held_up(verdict: Verdict, tool: ToolType) -> list[str]:
    """The annotations that have what a rule lets through take effect when it did where it was approved."""
    if len(verdict.windows) > 1:
        windows = " and ".join(verdict.windows)
        raise Conflict(f"rule for {tool.name}", f"it takes effect in the windows {windows}", "Write the rule by hand.")
    recall = [] if verdict.recall is None or tool.effect == Effect.READ else [f"{verdict.recall:.3f}s"]
    return [f"@window({quoted(name)})" for name in verdict.windows] + [f"@recall({quoted(said)})" for said in recall]


def check_proposal(
    rule: str,
    tests: Sequence[dict[str, Any]],
    policy: Sequence[PolicyText],
    agent: str,
    tools: Sequence[ToolSpec],
) -> CedarPolicy:
    """The policy with the rule added to it, once its tests have passed with it.

    Raises:
        PolicyError: if the policy cannot be read with it.
        Conflict: if a test does not pass: the rule lets through too little, or too much.
    """
    added = PolicyText("proposed.cedar", rule)
    changed = CedarPolicy.compile([*policy, added], tools, agent=agent, name="proposed")
    specs = {spec.name: spec for spec in tools}
    for each in tests:
        tried = run_trial(Trial.model_validate(each), changed, agent, specs)
        if tried.wrong:
            raise Conflict(f"rule for {tried.trial.call}", f"{tried.trial.name}: {tried.wrong[0]}", "Write it by hand.")
    return changed


def _condition(name: str, value: Any, shape: Shape, seen: Mapping[str, Any], tool: ToolType) -> str:
    path = f"resource.args.{name}"
    if value is None:
        return f"!(resource.args has {name})"
    if isinstance(shape, Fields):
        raise Conflict(f"rule for {tool.name}", f"its argument {name} is a record", "Write the rule by hand.")
    given = "" if name in tool.arguments.required else f"resource.args has {name} && "
    found = " || ".join(f"resource.from.{name}.contains({quoted(field)})" for field in _fields(seen))
    found = f"({found})" if " || " in found else found
    if isinstance(shape, Number | Whole):
        most = literal(shape, value)
        cap = f"{path}.lessThanOrEqual({most})" if isinstance(shape, Number) else f"{path} <= {most}"
        return given + " && ".join(filter(None, [cap, found]))
    return given + (found or f"{path} == {_written(shape, value)}")


def _written(shape: Shape, value: Any) -> str:
    if isinstance(value, list):
        inner = getattr(shape, "of", shape)
        return f"[{', '.join(literal(inner, each) for each in value)}]"  # pyright: ignore[reportUnknownVariableType]
    return literal(shape, value)


def _secrecy(seen: Mapping[str, Any]) -> int:
    return int(Confidentiality[seen["confidentiality"].upper()]) if "confidentiality" in seen else 0


def _fields(seen: Mapping[str, Any]) -> list[str]:
    """The fields of verified tools' results that a value was found in."""
    if seen.get("trust") != Trust.VERIFIED_TOOL.name.lower():
        return []
    return [source for source in seen.get("from", ()) if "." in source]


def _tests(action: Action, seen: Mapping[str, Any], tool: ToolType, id: str, until: float) -> list[dict[str, Any]]:
    given = {name: label for name, label in seen.items() if action.arguments.get(name) is not None}
    read = [_read(action.arguments[name], label) for name, label in given.items()]
    match: dict[str, Any] = {
        "name": f"{id}: as it was approved",
        "call": action.tool,
        "arguments": action.arguments,
        "confidence": action.confidence,
        "read": [each for found in read for each in found],
        "at": datetime.fromtimestamp(until - 1, UTC).isoformat(),
        "expect": Ruling.ALLOW.value,
        "rules": [id],
    }
    other = {**match, "expect": "not allow", "rules": None}
    miss = {"name": f"{id}: a near miss", "arguments": _near(action, seen, tool)}
    late = {"name": f"{id}: when it has ended", "at": datetime.fromtimestamp(until, UTC).isoformat()}
    return [match, {**other, **miss}, {**other, **late}]


def _near(action: Action, seen: Mapping[str, Any], tool: ToolType) -> dict[str, Any]:
    """The arguments with one of them just beyond what the rule allows, a number where there is one."""
    given = [name for name, value in action.arguments.items() if value is not None]
    given.sort(key=lambda name: not isinstance(tool.arguments.shapes[name], Whole | Number))
    changed = {name: _beyond(action.arguments[name]) for name in given[:1]}
    return {**action.arguments, **changed}


def _beyond(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return [*value, *value[:1], "another"] if isinstance(value, list) else f"{value} or another"


def _read(value: Any, label: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the run must have read for a value to have this label: a field of a tool's result, or a text."""
    found: list[dict[str, Any]] = []
    said = Trust.EXTERNAL.name.lower() if _fields(label) else label["trust"]  # the fields are what vouch for it
    for source in label["from"]:
        tool, *path = source.split(".")
        if path:
            content: Any = value
            for name in reversed(path):
                content = {name: content}
            found.append({"source": tool, "content": content, "trust": label["trust"]})
        elif source in ("goal", "user") or source.startswith("attachment:"):
            found.append({"source": source, "content": str(value), "trust": said})
    return found
