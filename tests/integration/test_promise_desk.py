"""What the play of the promise is made of: its mails, its clerk and its figure."""

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

from baton.agents.simulated.desk.letter import Letter

DESK = Path(__file__).parents[2] / "examples" / "desk"
ORDERS, MAILS = 8000, 200
TOPICS = {"damaged": "damaged on arrival", "wrong": "wrong article", "unwanted": "changed your mind"}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.syspath_prepend(DESK)
    monkeypatch.setenv("DESK_WORLD", str(tmp_path))
    module("world").make_world(tmp_path, orders=ORDERS)
    return tmp_path


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


def complaints(world: Path, change: int = MAILS + 1) -> list[Any]:
    return list(module("complaints").write_complaints(world, MAILS, seed=3, change=change, sale=0.5))


def decided(complaint: Any, *, sets_by_piece: bool = False) -> int:
    """What the clerk would pay back if it never slipped."""
    clerk, tools = module("clerk"), module("tools")
    letter = Letter(statement="", sender=complaint.sender, subject=complaint.subject, body=complaint.body)
    policy = tools.read_returns_policy(TOPICS[clerk.kind_of(letter)])["text"]
    reading = clerk.read(letter, tools.find_order(letter.orders[0]), policy)
    return int(reading.due(sets_by_piece=sets_by_piece))


def test_the_same_seed_writes_the_same_mails_whatever_was_refunded_since(desk: Path) -> None:
    first = complaints(desk)
    with closing(sqlite3.connect(desk / "orders.db")) as world, world:
        for one in first[:50]:
            world.execute("INSERT INTO refunds VALUES (?, ?, 1, '', '')", (f"run_{one.number}.1.0", one.order))
    assert complaints(desk) == first
    assert len({one.order for one in first}) == MAILS
    assert b"Subject: " in first[0].mail()


def test_the_clerk_reads_most_mails_right_until_there_is_a_rule_that_it_does_not_know(desk: Path) -> None:
    before, after = complaints(desk), complaints(desk, change=1)
    assert right(before) > 0.95
    assert right(after) < 0.75
    assert right(after, sets_by_piece=True) > 0.95


def right(mails: list[Any], *, sets_by_piece: bool = False) -> float:
    """The share of the mails that are read right."""
    read: list[bool] = [decided(one, sets_by_piece=sets_by_piece) == one.due for one in mails]
    return sum(read) / len(read)


def test_the_figure_is_well_formed_and_says_what_it_shows(desk: Path) -> None:
    figure = module("figure")
    picture = figure.Picture(
        alone=[0.0, 0.5, 1.0],
        recent=[None, 0.25, None],
        so_far=[None, 0.25, 0.2],
        promised=0.05,
        marks={1: "a <new> rule"},
        alarms=[2],
        recent_of=10,
    )
    drawn = ElementTree.fromstring(figure.draw(picture))
    texts = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a <new> rule", "promised: at most 5 %", "alarm: certificate revoked", "25 %"} <= set(texts)
