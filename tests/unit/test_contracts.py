"""Contracts: which versions are understood, how payloads are cast, and what a change breaks."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from baton.core import Contract, InvalidValue, Unsupported, agreed, broken


class Now(BaseModel):
    order: int
    cents: int


class Wider(BaseModel):
    order: int
    cents: int
    why: str = "-"


def number(said: dict[str, Any]) -> dict[str, Any]:
    return {"order": int(said["number"])}


def cents(said: dict[str, Any]) -> dict[str, Any]:
    return said | {"cents": 0}


PAY = Contract(
    name="pay", version=3, payload=Now, upcasts={1: number, 2: cents}, downcasts={3: lambda s: {"order": s["order"]}}
)


def test_older_payloads_are_cast_step_by_step() -> None:
    assert PAY.read({"number": "7"}, 1) == {"order": 7, "cents": 0}
    assert PAY.read({"order": 7}, 2) == {"order": 7, "cents": 0}
    assert (list(PAY.reads), list(PAY.writes), PAY.supported) == ([1, 2, 3], [2, 3], "pay 1 to 3")
    assert PAY.write({"order": 7, "cents": 5}, 2) == {"order": 7}


def test_a_gap_in_the_casts_ends_what_is_understood() -> None:
    holed = replace(PAY, upcasts={1: number})
    assert (list(holed.reads), holed.supported) == ([3], "pay 3")
    with pytest.raises(Unsupported, match=r"pay of version 1 is not understood; supported is pay 3"):
        holed.read({"number": "7"}, 1)


@pytest.mark.parametrize("version", [4, 0, -1])
def test_unknown_versions_are_refused_with_what_is_supported(version: int) -> None:
    with pytest.raises(Unsupported, match="supported is pay 1 to 3"):
        PAY.read({"order": 7, "cents": 5}, version)
    with pytest.raises(Unsupported, match="supported is pay 2 to 3"):
        PAY.write({"order": 7, "cents": 5}, version)


@pytest.mark.parametrize(("said", "version"), [({"order": "x", "cents": 1}, 3), ({"number": "x"}, 1), ({}, 2)])
def test_malformed_payloads_are_refused_with_the_place(said: dict[str, Any], version: int) -> None:
    with pytest.raises(InvalidValue, match="pay"):
        PAY.read(said, version)


def test_both_sides_speak_the_newest_that_both_understand() -> None:
    older = Contract(name="pay", version=2, payload=BaseModel)
    assert agreed(PAY, older) == 2
    assert agreed(older, PAY) == 2
    assert agreed(None, PAY) == 3
    with pytest.raises(Unsupported, match="supported is pay 1"):
        agreed(PAY, Contract(name="pay", version=1, payload=BaseModel))


@pytest.mark.parametrize(
    "wrong",
    [{"name": "Pay"}, {"name": ""}, {"version": 0}, {"upcasts": {3: number}}, {"downcasts": {1: number}}],
)
def test_what_cannot_be_a_contract_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        replace(PAY, **wrong)


def test_a_change_that_breaks_what_was_released_is_named() -> None:
    released = [PAY.document()]
    assert broken(released, [PAY]) == []
    assert broken(released, [replace(PAY, version=4, payload=Wider, upcasts={**PAY.upcasts, 3: dict})]) == []
    for changed, says in (
        ([], "no agent has it"),
        ([replace(PAY, payload=Wider)], "its payload has changed, and its version has not; make it 4"),
        ([replace(PAY, answer=Now)], "its answer has changed"),
        ([replace(PAY, version=4, payload=Wider)], "payloads of version 3 are not understood; give upcasts from 3 on"),
        ([replace(PAY, version=2, upcasts={}, downcasts={})], "version 2 is older than the released 3"),
    ):
        assert any(says in problem for problem in broken(released, changed)), says
