"""Reading edits of arguments as people type them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from baton.core import InvalidValue, ToolSpec


def edited(
    before: Mapping[str, Any], changes: Sequence[str], whole: str | None, tool: ToolSpec | None
) -> dict[str, Any]:
    """The arguments after an edit: each value is read as the tool's schema says.

    Args:
        before: The arguments as proposed.
        changes: Each as `name=value`.
        whole: All arguments as a JSON object, instead of changes.
        tool: The tool; None where it is not at hand, and old values say what new ones are read as.

    Raises:
        InvalidValue: for a change that cannot be read, or names no argument of the tool.
    """
    if bool(changes) == (whole is not None):
        raise InvalidValue("edit", list(changes), "--set name=value (several times if need be), or --json-args '{…}'")
    if whole is not None:
        return _object(whole)
    schema: Mapping[str, Any] = tool.parameters.get("properties", {}) if tool else {}
    after = dict(before)
    for each in changes:
        name, equals, text = each.partition("=")
        if not equals or (name not in schema and name not in before):
            names = ", ".join(schema or before)
            raise InvalidValue("--set", each, f"name=value with one of: {names}")
        after[name] = _read(text, schema.get(name, {}), before.get(name))
    return after


def _object(text: str) -> dict[str, Any]:
    try:
        said: Any = json.loads(text)
    except ValueError as error:
        raise InvalidValue("--json-args", text, f"a JSON object ({error})") from error
    if not isinstance(said, dict):
        raise InvalidValue("--json-args", text, "a JSON object, as in '{\"cents\": 3000}'")
    return cast(dict[str, Any], said)


def _read(text: str, schema: Mapping[str, Any], before: Any) -> Any:
    """A value as it was typed: text where the schema (or the old value) is text, else JSON, else text."""
    kinds = schema.get("type") or [kind.get("type") for kind in schema.get("anyOf", ())]
    if kinds == "string" or (not kinds and isinstance(before, str)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # the tool's schema says what is wrong with it, or takes it
