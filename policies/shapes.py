"""JSON schemas as Cedar types, and JSON values as values of those types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, cast

import rfc8785

from baton.core import InvalidValue, JsonSchema

ESCAPES = frozenset({"__entity", "__extn", "__expr"})
"""Keys that Cedar's JSON reads as escapes; no record may have them."""

_LONG = range(-(2**63), 2**63)
_DECIMAL = Decimal("922337203685477.5807")


class Shape(Protocol):
    """A Cedar type that a JSON value is turned into."""

    @property
    def free(self) -> bool:
        """Whether some part of it has keys that the schema does not name."""
        ...

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        ...

    def convert(self, value: Any, what: str) -> Any:
        """`value` as Cedar's entity JSON writes it.

        Raises:
            InvalidValue: if it does not fit; `what` names it.
        """
        ...


@dataclass(frozen=True)
class Text:
    """A String."""

    free: bool = False

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        return {"type": "String"}

    def convert(self, value: Any, what: str) -> Any:
        """A string, as it is."""
        if not isinstance(value, str):
            raise InvalidValue(what, value, "a text")
        return value


@dataclass(frozen=True)
class Whole:
    """A Long: 64 bits."""

    free: bool = False

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        return {"type": "Long"}

    def convert(self, value: Any, what: str) -> Any:
        """A whole number, as it is."""
        if isinstance(value, bool) or not isinstance(value, int) or value not in _LONG:
            raise InvalidValue(what, value, "a whole number of at most 64 bits")
        return value


@dataclass(frozen=True)
class Number:
    """A decimal: four places, as Cedar has no floating point."""

    free: bool = False

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        return {"type": "Extension", "name": "decimal"}

    def convert(self, value: Any, what: str) -> Any:
        """A number as decimal text, exactly."""
        allowed = f"a number with at most 4 decimals, between -{_DECIMAL} and {_DECIMAL}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidValue(what, value, allowed)
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if not exact.is_finite() or abs(exact) > _DECIMAL or exact != round(exact, 4):
            raise InvalidValue(what, value, allowed)
        text = f"{exact:f}"
        return text if "." in text else f"{text}.0"


@dataclass(frozen=True)
class Flag:
    """A Bool."""

    free: bool = False

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        return {"type": "Boolean"}

    def convert(self, value: Any, what: str) -> Any:
        """True or false, as it is."""
        if not isinstance(value, bool):
            raise InvalidValue(what, value, "true or false")
        return value


@dataclass(frozen=True)
class Many:
    """A Set: order and doubles are lost to the rules, not to the tool."""

    of: Shape

    @property
    def free(self) -> bool:
        """Whether some part of it has keys that the schema does not name."""
        return self.of.free

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        return {"type": "Set", "element": self.of.declare()}

    def convert(self, value: Any, what: str) -> Any:
        """A list, each element converted."""
        if not isinstance(value, list):
            raise InvalidValue(what, value, "a list")
        return [self.of.convert(element, what) for element in cast(Sequence[Any], value)]


@dataclass(frozen=True)
class Fields:
    """A record.

    Attributes:
        shapes: The type of each field.
        required: Fields that a value must have; null counts as left out.
    """

    shapes: Mapping[str, Shape]
    required: frozenset[str]

    @property
    def free(self) -> bool:
        """Whether some part of it has keys that the schema does not name."""
        return any(shape.free for shape in self.shapes.values())

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        attributes = {
            name: shape.declare() | {"required": name in self.required} for name, shape in self.shapes.items()
        }
        return {"type": "Record", "attributes": attributes}

    def convert(self, value: Any, what: str) -> Any:
        """An object, field by field."""
        if not isinstance(value, dict):
            raise InvalidValue(what, value, "an object")
        given = {name: part for name, part in cast(dict[str, Any], value).items() if part is not None}
        for name in sorted(given.keys() - self.shapes.keys()):
            raise InvalidValue(f"field of {what}", name, f"one of: {', '.join(self.shapes) or 'none at all'}")
        if self.required - given.keys():
            raise InvalidValue(what, sorted(given), f"all of: {', '.join(sorted(self.required))}")
        return {name: self.shapes[name].convert(part, f"{what}.{name}") for name, part in given.items()}


@dataclass(frozen=True)
class Anything:
    """A String that holds canonical JSON (RFC 8785), for what Cedar has no type for."""

    free: bool = True

    def declare(self) -> dict[str, Any]:
        """The type as Cedar's JSON schema writes it."""
        return {"type": "String"}

    def convert(self, value: Any, what: str) -> Any:
        """Any JSON value as text."""
        try:
            return rfc8785.dumps(value).decode()
        except ValueError as error:
            raise InvalidValue(what, value, f"JSON that every reader takes alike ({error})") from error


def shape_of(schema: JsonSchema) -> Fields:
    """The record that a tool's arguments make.

    Strings, integers, numbers, booleans, lists and objects with named properties get Cedar's types, a
    union with null makes a field optional, and all else is `Anything`.
    """
    definitions = cast(dict[str, JsonSchema], schema.get("$defs", {}))
    return _fields(schema, definitions, ())


def _fields(schema: JsonSchema, definitions: Mapping[str, JsonSchema], seen: tuple[str, ...]) -> Fields:
    properties = cast(dict[str, Any], schema.get("properties", {}))
    parts = {
        name: _resolve(cast(JsonSchema, part) if isinstance(part, dict) else {}, definitions, seen)
        for name, part in properties.items()
    }
    nullable = {name for name, (part, _) in parts.items() if _without_null(part)[1]}
    return Fields(
        {name: _shape(part, definitions, names) for name, (part, names) in parts.items()},
        frozenset(schema.get("required", ())) & properties.keys() - nullable,
    )


def _shape(schema: JsonSchema, definitions: Mapping[str, JsonSchema], seen: tuple[str, ...]) -> Shape:
    schema, seen = _resolve(_without_null(schema)[0], definitions, seen)
    match schema.get("type") or _type_of_values(schema):
        case "string":
            return Text()
        case "integer":
            return Whole()
        case "number":
            return Number()
        case "boolean":
            return Flag()
        case "array" if isinstance(schema.get("items"), dict) and not _without_null(schema["items"])[1]:
            return Many(_shape(schema["items"], definitions, seen))
        case "array":
            return Many(Anything())
        case "object" if _is_closed(schema):
            return _fields(schema, definitions, seen)
        case _:
            return Anything()


def _is_closed(schema: JsonSchema) -> bool:
    names: dict[str, Any] = schema.get("properties") or {}
    return bool(names) and not schema.get("additionalProperties") and not ESCAPES & names.keys()


def _resolve(
    schema: JsonSchema, definitions: Mapping[str, JsonSchema], seen: tuple[str, ...]
) -> tuple[JsonSchema, tuple[str, ...]]:
    """Follow a reference; one that leads back to itself is a schema of anything."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        if name in seen or name not in definitions:
            return {}, seen
        return _resolve(definitions[name], definitions, (*seen, name))
    every = cast(Sequence[JsonSchema], schema.get("allOf", ()))
    return _resolve(every[0], definitions, seen) if len(every) == 1 else (schema, seen)


def _without_null(schema: JsonSchema) -> tuple[JsonSchema, bool]:
    """The schema of what is not null, and whether null was allowed."""
    kinds: Any = schema.get("type")
    if isinstance(kinds, list):
        named = list(cast(Sequence[str], kinds))
        rest = [kind for kind in named if kind != "null"]
        return {**schema, "type": rest[0] if len(rest) == 1 else None}, len(rest) < len(named)
    for union in ("anyOf", "oneOf"):
        options = cast(list[JsonSchema], schema.get(union, []))
        others = [option for option in options if option.get("type") != "null"]
        if len(others) < len(options):
            return (others[0] if len(others) == 1 else {union: others}), True
    return schema, False


def _type_of_values(schema: JsonSchema) -> str | None:
    """The one type of an enumeration's values; None if there is none."""
    values = cast(list[Any], schema.get("enum") or ([schema["const"]] if "const" in schema else []))
    kinds = {type(value).__name__ for value in values}
    return {"str": "string", "int": "integer", "bool": "boolean"}.get(kinds.pop()) if len(kinds) == 1 else None
