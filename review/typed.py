"""Answers that have to fit a schema: what is wrong with one."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema

_MOST = 10  # problems that are told


def unfit(answer: Any, schema: Mapping[str, Any]) -> str | None:
    """Why an answer does not fit a JSON schema; None where it does."""
    holds: Any = jsonschema.Draft202012Validator(dict(schema))  # its own types are only partly told
    found = sorted(holds.iter_errors(answer), key=lambda one: list(one.path))
    said = [f"{'.'.join(map(str, one.path)) or 'answer'}: {one.message}" for one in found[:_MOST]]
    return "; ".join(said) or None


def read_typed(text: str, schema: Mapping[str, Any]) -> tuple[Any, str | None]:
    """An answer that a person has written as JSON, and what is wrong with it; None where nothing is."""
    try:
        said = json.loads(text)
    except ValueError as error:
        return None, f"it is no JSON: {error}"
    return said, unfit(said, schema)


def shape_told(schema: Mapping[str, Any]) -> str:
    """What an answer looks like, in a line: `{"approved": boolean, "cents": integer}`."""
    needed = schema.get("required", ())
    parts = (
        f'"{name}": {_kind(said)}{"" if name in needed else " (or nothing)"}'
        for name, said in schema.get("properties", {}).items()
    )
    return "{" + ", ".join(parts) + "}"


def _kind(said: Mapping[str, Any]) -> str:
    if "enum" in said:
        return " or ".join(json.dumps(one, ensure_ascii=False) for one in said["enum"])
    if "anyOf" in said:
        return " or ".join(_kind(one) for one in said["anyOf"])
    return str(said.get("type", "anything"))
