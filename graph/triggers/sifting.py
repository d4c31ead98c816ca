"""Which events a trigger takes: those whose data are as agreed and for which its condition holds.

What breaks the agreement, and what its condition cannot be told of, is set aside with the reason: it starts nothing,
and is not lost.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from baton.core import Condition, ConditionFailed, InvalidValue, JsonSchema, dump

NAMES = ("data", "name", "key")
"""What a condition may speak of: an event's data, name and key."""

RECORD_NAMES = ("data", "name")
"""The same of an event of the record, which has no key."""


def check_schema(what: str, schema: JsonSchema) -> None:
    """Refuse what is no JSON schema.

    Raises:
        InvalidValue: says what is wrong with it.
    """
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError

    try:
        validators.validator_for(schema, default=validators.Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        raise InvalidValue(what, schema, f"a JSON schema ({error.message[:200]})") from error


def broken(schema: JsonSchema | None, data: Any) -> str | None:
    """What is wrong with an event's data; None where they are as agreed, or nothing was."""
    if schema is None:
        return None
    from jsonschema import exceptions
    from referencing.exceptions import Unresolvable

    judge: Any = exceptions  # it tells its types in part
    try:
        error: Any = judge.best_match(_validator(dump(schema)).iter_errors(data))
    except Unresolvable as missing:
        return f"its schema refers to what is not there: {missing.ref}"
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path) or "data"
    return f"{where}: {error.message[:300]}"


@lru_cache(maxsize=100)
def _validator(schema: str) -> Any:
    """What holds data against a schema, which refers to nothing outside itself."""
    import json

    from jsonschema import validators
    from referencing import Registry

    read: JsonSchema = json.loads(schema)
    return validators.validator_for(read, default=validators.Draft202012Validator)(read, registry=Registry())


def holds(condition: Condition | None, values: Mapping[str, Any]) -> bool | str:
    """Whether a condition holds of an event; why that cannot be told, where it cannot."""
    if condition is None:
        return True
    try:
        return condition.holds(values)
    except ConditionFailed as error:
        return str(error)
