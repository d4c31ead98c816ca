"""Plots: axes at round places, everything within its frame, and nothing of a stranger's that is markup."""

import re
from xml.etree import ElementTree

import pytest

from baton.flow import levels
from baton.server.pages.figures import (
    HEIGHT,
    WIDTH,
    Bar,
    Line,
    Mark,
    Part,
    count_axis,
    figure,
    gauge,
    share_axis,
    shares,
    time_axis,
)

HOSTILE = '<script>alert("1")</script>\u202e'


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (7, ["0", "2", "4", "6", "8"]),
        (23, ["0", "10", "20", "30"]),
        (1000, ["0", "250", "500", "750", "1,000"]),
    ],
)
def test_counts_go_up_in_round_steps(most: float, ticks: list[str]) -> None:
    axis = count_axis(most)
    assert [word for _, word in axis.ticks] == ticks
    assert axis.high >= most and axis.high == axis.ticks[-1][0]


@pytest.mark.parametrize(
    ("most", "ticks"),
    [(1.0, ["0 %", "25 %", "50 %", "75 %", "100 %"]), (0.05, ["0 %", "2 %", "4 %", "6 %"]), (0.0, ["0 %", "0.025 %"])],
)
def test_shares_are_in_percent_and_end_at_all(most: float, ticks: list[str]) -> None:
    assert [word for _, word in share_axis(most).ticks][: len(ticks)] == ticks
    assert share_axis(most).high <= 1.0


@pytest.mark.parametrize(("hours", "first"), [(1, "10 min"), (24, "h"), (7 * 24, "day"), (30 * 24, "day")])
def test_times_have_few_ticks_at_round_places(hours: int, first: str) -> None:
    start = 1_800_000_000.0
    axis = time_axis(start, start + hours * 3600)
    assert 2 <= len(axis.ticks) <= 6
    assert all(re.fullmatch(r"\d\d:\d\d" if first != "day" else r"\d+ [A-Z][a-z]{2}", word) for _, word in axis.ticks)
    assert all(at % 600 == 0 for at, _ in axis.ticks)


def test_a_figure_is_one_svg_that_stays_in_its_frame_and_says_what_it_shows() -> None:
    parts: list[Part] = [
        Line(points=[(0, 0.0), (5, None), (6, 90.0), (10, 300.0)], tone="ready", dots=True, filled=True),
        Bar(start=9, end=10, layers=[(2.0, "good"), (1.0, "bad")], says=HOSTILE),
        Mark(x=20, y=-5, tone="good", says="far out", word=HOSTILE),
    ]
    made = str(figure(HOSTILE, "says & more", count_axis(10), count_axis(100), parts))
    root = ElementTree.fromstring(made)
    assert root.attrib["role"] == "img" and "says & more" in root.attrib["aria-label"]
    names = {each.tag for each in root.iter()}
    assert names <= {"svg", "title", "desc", "line", "text", "g", "path", "rect", "circle"}
    assert "\u202e" not in made and "style=" not in made
    for each in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(each.attrib.get(name, 0)) <= WIDTH
        for name in ("y", "y1", "y2", "cy"):
            assert 0 <= float(each.attrib.get(name, 0)) <= HEIGHT
    assert "<script" not in made


def test_a_bar_is_divided_as_its_parts_are() -> None:
    made = ElementTree.fromstring(str(shares("all", "says", [("a", 3.0, "good"), ("b", 0.0, "bad"), ("c", 1.0, "")])))
    widths = [float(each.attrib["width"]) for each in made.iter("rect") if "bar" in each.attrib["class"]]
    assert [round(width / WIDTH, 2) for width in widths] == [0.75, 0.25]
    full = ElementTree.fromstring(str(gauge("limit", "12 of 10", 1.2, "bad")))
    (bar,) = (each for each in full.iter("rect") if "bar" in each.attrib["class"])
    assert float(bar.attrib["width"]) <= WIDTH


def test_what_was_open_is_counted_back_from_now() -> None:
    assert levels(5, [3, 0, 4], [1, 0, 2]) == [1, 3, 3, 5]
