"""A run and those it handed work to as bars over time: when it thought, used tools, waited for people."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from baton.core import RunId
from baton.ledger import Event, Run

WIDTH, ROW, LEFT, TOP = 1000.0, 30.0, 150.0, 26.0
"""Of the drawing, in its own units: all of it, one run, the names, the times."""

_THINNEST = 2.5
_TICKS = 6
_CLOSES = {"effect.done", "effect.failed", "effect.doubt", "effect.postponed"}


@dataclass(frozen=True)
class Span:
    """What a run did or waited for from one time to another.

    Attributes:
        kind: `model`, `tool`, `people`, or `life`, which is all of it.
        says: In words.
    """

    kind: str
    start: float
    end: float
    says: str


@dataclass(frozen=True)
class Bar:
    """A span as it is drawn."""

    kind: str
    x: float
    width: float
    says: str


@dataclass(frozen=True)
class Lane:
    """A run as it is drawn."""

    run: RunId
    name: str
    y: float
    bars: list[Bar]


@dataclass(frozen=True)
class Gantt:
    """The drawing.

    Attributes:
        ticks: Places and times of the marks above it, in seconds since 1970.
        even: Whether as many seconds are as wide everywhere.
    """

    lanes: list[Lane]
    ticks: list[tuple[float, float]]
    height: float
    even: bool


def gantt(family: Sequence[tuple[Run, Sequence[Event]]], now: float) -> Gantt:
    """Draw a family of runs, each with its events, oldest first.

    A run can think for a second and wait for days. So that both are seen, a stretch in which nothing begins or ends is
    drawn as wide as the square root of its length.
    """
    spans = [(run, _spans(run, happened, now)) for run, happened in family]
    place, even = _scale(span for _, found in spans for span in found)
    lanes = [
        Lane(run.id, run.agent, TOP + at * ROW, [_bar(span, place) for span in found])
        for at, (run, found) in enumerate(spans)
    ]
    start, end = (pick(span for _, found in spans for span in _ends(found)) for pick in (min, max))
    return Gantt(lanes, _ticks(place, start, end), TOP + ROW * len(lanes) + 6, even)


def _ends(found: Iterable[Span]) -> Iterable[float]:
    return (time for span in found for time in (span.start, span.end))


def _spans(run: Run, happened: Sequence[Event], now: float) -> list[Span]:
    """What a run's events say of how its time went; what has not ended goes on until now."""
    end = run.ended_at or now
    found = [Span("life", run.created_at, max(end, run.created_at), f"{run.agent}: {run.status}")]
    begun: dict[str, tuple[str, float, str]] = {}
    for event in happened:
        data = event.data
        if event.kind == "model.answered":
            found.append(Span("model", event.at - float(data.get("seconds") or 0), event.at, "the model answers"))
        elif event.kind == "effect.claimed":
            begun[data["action"]] = ("tool", event.at, str(data["tool"]))
        elif event.kind == "review.opened":
            begun[data["review"]] = ("people", event.at, f"waits for people: {data.get('tool') or 'a question'}")
        elif event.kind in _CLOSES or event.kind == "review.closed":
            closed = begun.pop(data["action"] if event.kind in _CLOSES else data["review"], None)
            if closed is not None:
                found.append(Span(closed[0], closed[1], event.at, closed[2]))
    found += [Span(kind, start, max(end, start), says) for kind, start, says in begun.values()]
    return sorted(found, key=lambda span: _ORDER[span.kind])


_ORDER = {"life": 0, "people": 1, "tool": 2, "model": 3}
"""What is drawn over what."""


def _scale(spans: Iterable[Span]) -> tuple[Callable[[float], float], bool]:
    """Where each time is drawn."""
    marks = sorted(set(_ends(spans)))
    lengths = [later - earlier for earlier, later in pairwise(marks)]
    even = not lengths or max(lengths) < 60
    widths = lengths if even else [math.sqrt(length) for length in lengths]
    total, sums = sum(widths) or 1.0, [0.0]
    for width in widths:
        sums.append(sums[-1] + width)

    def place(time: float) -> float:
        at = min(max(bisect_right(marks, time) - 1, 0), len(marks) - 1)
        part = (time - marks[at]) / lengths[at] * widths[at] if at < len(lengths) and lengths[at] else 0.0
        return LEFT + (WIDTH - LEFT - 12) * (sums[at] + part) / total

    return place, even


def _bar(span: Span, place: Callable[[float], float]) -> Bar:
    x = place(span.start)
    return Bar(span.kind, round(x, 1), round(max(place(span.end) - x, _THINNEST), 1), span.says)


def _ticks(place: Callable[[float], float], start: float, end: float) -> list[tuple[float, float]]:
    """Times that are about as far apart in the drawing, found by halving."""
    if end <= start:
        return [(place(start), start)]
    wanted = [LEFT + (WIDTH - LEFT - 12) * at / _TICKS for at in range(_TICKS + 1)]
    return [(round(x, 1), _time_at(place, x, start, end)) for x in wanted]


def _time_at(place: Callable[[float], float], x: float, start: float, end: float) -> float:
    low, high = start, end
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if place(middle) < x else (low, middle)
    return high
