"""JSON schemas as Cedar types, and what fits them."""

from typing import Any

import pytest

from baton.core import InvalidValue
from baton.policies.shapes import Anything, Fields, Flag, Many, Number, Shape, Text, Whole, shape_of


def properties(*required: str, definitions: dict[str, Any] | None = None, **schemas: Any) -> dict[str, Any]:
    return {"type": "object", "properties": schemas, "required": list(required), "$defs": definitions or {}}


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ({"type": "string"}, Text()),
        ({"type": "integer"}, Whole()),
        ({"type": "number"}, Number()),
        ({"type": "boolean"}, Flag()),
        ({"enum": ["a", "b"]}, Text()),
        ({"enum": ["a", 1]}, Anything()),
        ({"const": 3}, Whole()),
        ({"type": "array", "items": {"type": "integer"}}, Many(Whole())),
        ({"type": "array"}, Many(Anything())),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, Many(Anything())),
        ({"type": "object"}, Anything()),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, Anything()),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, Text()),
        ({"type": ["integer", "null"]}, Whole()),
        ({"type": ["integer", "string"]}, Anything()),
        (properties("a", a={"type": "string"}), Fields({"a": Text()}, frozenset({"a"}))),
        (properties("a", a={"type": "string"}) | {"additionalProperties": True}, Anything()),
        (properties(__entity={"type": "string"}), Anything()),
        ({"$ref": "#/$defs/Money"}, Number()),
        ({"allOf": [{"$ref": "#/$defs/Money"}]}, Number()),
        ({"$ref": "#/$defs/Nowhere"}, Anything()),
        ({"$ref": "#/$defs/Tree"}, Fields({"kids": Many(Anything())}, frozenset())),
        (True, Anything()),
    ],
)
def test_a_schema_becomes_a_type(schema: Any, shape: Shape) -> None:
    tree = properties(kids={"type": "array", "items": {"$ref": "#/$defs/Tree"}})
    whole = properties("x", definitions={"Money": {"type": "number"}, "Tree": tree}, x=schema)
    assert shape_of(whole).shapes["x"] == shape


def test_what_may_be_null_may_be_left_out() -> None:
    shape = shape_of(properties("a", "b", a={"type": ["string", "null"]}, b={"type": "string"}))
    assert shape.required == {"b"}
    assert shape.convert({"a": None, "b": "x"}, "arguments") == {"b": "x"}


@pytest.mark.parametrize(
    ("shape", "value", "converted"),
    [
        (Number(), 5, "5.0"),
        (Number(), 0.1, "0.1"),
        (Number(), 1e2, "100.0"),
        (Number(), -922337203685477.5, "-922337203685477.5"),
        (Whole(), 2**63 - 1, 2**63 - 1),
        (Many(Number()), [1, 2.5], ["1.0", "2.5"]),
        (Anything(), {"b": 1, "a": [None]}, '{"a":[null],"b":1}'),
    ],
)
def test_a_value_that_fits_is_converted_exactly(shape: Shape, value: Any, converted: Any) -> None:
    assert shape.convert(value, "x") == converted


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (Text(), 3),
        (Text(), {"__entity": {"type": "Agent", "id": "x"}}),
        (Whole(), 2**63),
        (Whole(), True),
        (Whole(), 1.0),
        (Whole(), "1"),
        (Number(), 0.00001),
        (Number(), float("nan")),
        (Number(), float("inf")),
        (Number(), 10**15),
        (Number(), True),
        (Number(), "1.0"),
        (Flag(), 1),
        (Many(Text()), "ab"),
        (Many(Text()), ["a", 1]),
        (Anything(), float("nan")),
        (Anything(), 2**53),
        (Fields({"a": Text()}, frozenset({"a"})), {}),
        (Fields({"a": Text()}, frozenset({"a"})), {"a": None}),
        (Fields({"a": Text()}, frozenset()), {"b": "x"}),
        (Fields({"a": Text()}, frozenset()), []),
    ],
)
def test_a_value_that_does_not_fit_is_refused(shape: Shape, value: Any) -> None:
    with pytest.raises(InvalidValue):
        shape.convert(value, "x")
