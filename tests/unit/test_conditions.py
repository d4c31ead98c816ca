"""Conditions: what they say of data, and what is refused when they are read."""

from typing import Any

import pytest

from baton.core import Condition, ConditionFailed, InvalidValue

ORDER: dict[str, Any] = {
    "data": {"amount": 100.5, "count": 3, "country": "DE", "lines": [{"price": 1}, {"price": 7}], "note": None},
    "key": "o-17",
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("data.amount > 100 && data.country == 'DE'", True),
        ("data.amount > 101", False),
        ("data.count == 3.0", True),
        ("data.country in ['AT', 'DE']", True),
        ("data.lines.exists(line, line.price > 5)", True),
        ("data.lines.all(line, line.price > 5)", False),
        ("key.startsWith('o-') && size(data.lines) == 2", True),
        ("data.note == null", True),
        ("has(data.gift) && data.gift == true", False),
        ("true", True),
    ],
)
def test_a_condition_says_yes_or_no_of_data(text: str, holds: bool) -> None:
    assert Condition.parse(text, names=("data", "key")).holds(ORDER) is holds


@pytest.mark.parametrize("text", ["data.gift == 1", "!(data.gift == 1)", "data.lines[5].price == 1", "data.a.b == 1"])
def test_what_speaks_of_a_missing_field_does_not_hold(text: str) -> None:
    assert Condition.parse(text, names=("data",)).holds(ORDER) is False


def test_a_missing_field_that_does_not_decide_hinders_nothing() -> None:
    assert Condition.parse("data.gift == 1 || data.count == 3").holds(ORDER)


@pytest.mark.parametrize(
    "text", ["data.country > 3", "data.count", "data.count / 0 == 1", "int(data.country) == 1", "data.note.x == 1"]
)
def test_what_cannot_be_told_is_no_no(text: str) -> None:
    with pytest.raises(ConditionFailed, match="cannot be told"):
        Condition.parse(text).holds(ORDER)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data.amount >", "CEL"),
        ("", "CEL"),
        ("(" * 500 + "1" + ")" * 500, "CEL"),
        ("daat.amount > 3", "daat"),
        ("data.text.lower() == 'a'", "lower"),
        ("data.a == '" + "x" * 2000 + "'", "2000"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        Condition.parse(text, names=("data",))


def test_names_of_a_condition_s_own_are_no_unknown_ones() -> None:
    assert Condition.parse("data.lines.map(one, one.price) == [1, 7]", names=("data",)).holds(ORDER)
