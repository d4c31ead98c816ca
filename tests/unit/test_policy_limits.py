"""Limits: what they say, what a call takes of them, and whether it still fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import UNIT, Charge, InvalidValue, Spent, ToolSpec, Window, charged
from baton.policies.limits import check_limits, read_limits
from baton.policies.schema import tool_types

WHO = {"run": "run_a", "agent": "billing", "user": "ann", "tenant": "local"}
PARAMETERS = {
    "type": "object",
    "properties": {"cents": {"type": "integer"}, "share": {"type": "number"}, "to": {"type": "array"}},
    "required": ["cents"],
}
PAY = tool_types("p", [ToolSpec(name="pay", description="", parameters=PARAMETERS, run=print)])["pay"]


@pytest.mark.parametrize(
    ("text", "account", "most", "seconds"),
    [
        ("calls <= 3 per run", "small/calls/run=run_a", 3 * UNIT, None),
        ("cents <= 50000 per agent in 1d", "small/cents/agent=billing", 50000 * UNIT, 86400.0),
        ("pot: share<=0.5 per user in 1d 12h", "pot/share/user=ann", UNIT // 2, 129600.0),
        ("distinct to <= 5 per tenant in 1h", "small/distinct to/tenant=local", 5 * UNIT, 3600.0),
        ("tokens <= 100000 per agent in 1d", "small/tokens/agent=billing", 100000 * UNIT, 86400.0),
    ],
)
def test_a_limit_is_read(text: str, account: str, most: int, seconds: float | None) -> None:
    (limit,) = read_limits("small", text)
    assert limit.window(WHO) == Window(account, seconds)
    assert limit.most == most
    check_limits((limit,), PAY)


def test_several_are_read_in_order() -> None:
    assert [limit.measure for limit in read_limits("r", "calls <= 1 per run;\n cents <= 2 per agent")] == [
        "calls",
        "cents",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "calls",
        "calls < 3 per run",
        "calls <= -3 per run",
        "calls <= 3 per week",
        "calls <= 3 per run in",
        "calls <= 3 per run in soon",
        "calls <= 0.00001 per run",
        "calls <= 3 per run;",
    ],
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_limits("r", text)


@pytest.mark.parametrize("text", ["dollars <= 3 per run", "to <= 3 per run", "distinct dollars <= 3 per run"])
def test_a_limit_must_fit_the_tool(text: str) -> None:
    with pytest.raises(InvalidValue, match="cents"):
        check_limits(read_limits("r", text), PAY)
    with pytest.raises(InvalidValue, match="every tool"):
        check_limits(read_limits("r", text), None)


@pytest.mark.parametrize("value", [None, -1, "7", True, float("nan"), float("inf"), 1e30])
def test_what_cannot_be_counted_is_not_let_through(value: Any) -> None:
    (limit,) = read_limits("r", "cents <= 100 per run")
    with pytest.raises(InvalidValue, match="argument cents"):
        limit.charge({"cents": value}, WHO)


def test_a_charge_is_never_rounded_down() -> None:
    (limit,) = read_limits("r", "share <= 1 per run")
    assert limit.charge({"share": 0.00001}, WHO).amount == 1


def test_values_that_differ_only_in_case_are_one() -> None:
    (limit,) = read_limits("r", "distinct to <= 2 per run")
    charge = limit.charge({"to": ["Bob@shop.example", " bob@SHOP.example ", "eve@x.example"]}, WHO)
    assert len(charge.values) == 2
    assert charge.fits(Spent())
    assert not charge.fits(Spent(values=frozenset({"another"})))
    assert charge.fits(Spent(values=frozenset(charge.values)))


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(0, 100))
def test_what_fits_never_comes_to_more_than_the_limit(amounts: list[int], most: int) -> None:
    spent: dict[Window, Spent] = {}
    for amount in amounts:
        charge = Charge(account="a", amount=amount * UNIT, most=most * UNIT, limit="")
        if charge.fits(spent.get(charge.window, Spent())):
            spent = charged(spent, (charge,))
    assert spent.get(Window("a", None), Spent()).amount <= most * UNIT


def test_a_full_limit_says_what_is_used() -> None:
    charge = Charge(account="a", amount=UNIT, most=5 * UNIT // 2, limit="calls <= 2.5 per run")
    assert charge.told(Spent(2 * UNIT)) == "the limit of calls <= 2.5 per run has no room: 2 of 2.5 used"
