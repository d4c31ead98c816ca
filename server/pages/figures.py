"""Plots as SVG: axes, lines, steps, bars. Their colours are classes of the style sheet, which knows the dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from baton.core.texts import one_line
from baton.telling import Tone

WIDTH, HEIGHT = 480.0, 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 14.0, 14.0, 34.0

_TIMES = (60.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 172800.0, 604800.0)
_MOST_TICKS = 5
_FLAT = "figure flat"


@dataclass(frozen=True)
class Axis:
    """From where to where an axis goes, and what stands beside it.

    Attributes:
        ticks: Places with what they are called.
    """

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def share(self, value: float) -> float:
        """How far along it a value is, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points that are joined; where a value is None, the line is broken.

    Attributes:
        step: Whether a value holds until the next one.
        dots: Whether each point is marked, with what is said of it.
        filled: Whether the ground beneath is tinted.
        dashed: Whether it is a mark to hold others against.
    """

    points: Sequence[tuple[float, float | None]]
    tone: Tone
    step: bool = False
    dots: bool = False
    filled: bool = False
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar from `start` to `end`, in layers from the ground up; `says` is told of it."""

    start: float
    end: float
    layers: Sequence[tuple[float, Tone]]
    says: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point that stands out; `word` is written beside it."""

    x: float
    y: float
    tone: Tone
    says: str
    word: str = ""


Part = Line | Bar | Mark


def count_axis(most: float) -> Axis:
    """From nothing up to at least `most`, in round steps."""
    step = _round_step(max(most, 1.0) / 4, whole=True)
    top = step * max(1, math.ceil(max(most, 1.0) / step))
    return Axis(0.0, top, [(step * number, f"{step * number:,.0f}") for number in range(round(top / step) + 1)])


def share_axis(most: float = 1.0) -> Axis:
    """Shares from 0 up to at least `most`, in percent."""
    step = _round_step(100 * max(most, 0.001) / 4)
    top = min(100.0, step * math.ceil(100 * max(most, 0.001) / step - 1e-9))
    numbers = range(round(top / step) + 1)
    return Axis(0.0, top / 100, [(step * number / 100, f"{step * number:g} %") for number in numbers])


def time_axis(start: float, end: float) -> Axis:
    """Times, at round hours or days in UTC."""
    step = next((step for step in _TIMES if (end - start) / step <= _MOST_TICKS + 1), _TIMES[-1])
    first = math.ceil(start / step) * step
    every = [first + step * number for number in range(int((end - first) // step) + 1)]
    places = [at for at in every if 0.06 < (at - start) / (end - start) < 0.95]  # so that nothing is cut off
    return Axis(start, end, [(at, moment(at, days=step >= 86400)) for at in places])


def moment(at: float, *, days: bool) -> str:
    """A time on an axis: `14:30`, or the day, `26 Nov`."""
    when = datetime.fromtimestamp(at, UTC)
    return f"{when.day} {when:%b}" if days else f"{when:%H:%M}"


def figure(name: str, says: str, x: Axis, y: Axis, parts: Sequence[Part]) -> Markup:
    """A plot.

    Args:
        name: What it shows, for those who do not see it.
        says: The same in a sentence, with its numbers.
        x: Along the bottom.
        y: Along the left.
        parts: What is drawn, the last on top.
    """
    frame = _Frame(x, y)
    drawn = Markup("").join((*frame.grid(), *(frame.part(part) for part in parts)))
    return _svg(name, says, WIDTH, HEIGHT, drawn)


def shares(name: str, says: str, parts: Sequence[tuple[str, float, Tone]], whole: float | None = None) -> Markup:
    """One bar that is divided among parts, each with what is said of it and how much it is; None is all of `whole`."""
    whole, left = whole or sum(amount for _, amount, _ in parts) or 1.0, 0.0
    drawn: list[Markup] = [Markup('<rect class="ground" width="{}" height="14"/>').format(_n(WIDTH))]
    for told, amount, tone in parts:
        width = WIDTH * amount / whole
        if width > 0:
            drawn.append(_rect(tone, left, 0.0, max(width - 1.5, 0.8), 14.0, told, round=0.0))
        left += width
    return _svg(name, says, WIDTH, 14.0, Markup("").join(drawn), _FLAT)


def gauge(name: str, says: str, share: float, tone: Tone) -> Markup:
    """How full something is."""
    return shares(name, says, [(says, min(1.0, max(0.0, share)), tone)], whole=1.0)


class _Frame:
    """The room in which is drawn."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self._x, self._y = x, y
        self._floor = HEIGHT - _BOTTOM

    def x(self, value: float) -> float:
        return _LEFT + self._x.share(value) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return self._floor - self._y.share(value) * (self._floor - _TOP)

    def grid(self) -> list[Markup]:
        made: list[Markup] = []
        for value, word in self._y.ticks:
            at = _n(self.y(value))
            made.append(Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                _n(_LEFT), _n(WIDTH - _RIGHT), at, at
            ))  # fmt: skip
            made.append(_text(word, _LEFT - 7, self.y(value) + 4, "end"))
        for value, word in self._x.ticks:
            made.append(_text(word, self.x(value), HEIGHT - 10, self._anchor(value)))
        return made

    def _anchor(self, value: float) -> str:
        share = self._x.share(value)
        return "start" if share < 0.02 else "end" if share > 0.97 else "middle"

    def part(self, part: Part) -> Markup:
        match part:
            case Line():
                return self._line(part)
            case Bar():
                return self._bar(part)
            case Mark():
                return self._mark(part)

    def _line(self, line: Line) -> Markup:
        runs = [run for run in _unbroken(line.points) if len(run) > 1 or line.dots]
        made = [Markup('<g class="{}">').format(_class(line.tone))]
        for run in runs:
            path = self._path(run, step=line.step)
            if line.filled:
                floor = _n(self._floor)
                ends = f"L{_n(self.x(run[-1][0]))} {floor}L{_n(self.x(run[0][0]))} {floor}Z"
                made.append(Markup('<path class="area" d="{}"/>').format(path + ends))
            made.append(Markup('<path class="{}" d="{}"/>').format("line dashed" if line.dashed else "line", path))
        if line.dots:
            made += [_dot(self.x(x), self.y(y), 3.0) for run in runs for x, y in run]
        return Markup("").join((*made, Markup("</g>")))

    def _path(self, run: Sequence[tuple[float, float]], *, step: bool) -> str:
        made = [f"M{_n(self.x(run[0][0]))} {_n(self.y(run[0][1]))}"]
        for x, y in run[1:]:
            made.append(f"H{_n(self.x(x))}V{_n(self.y(y))}" if step else f"L{_n(self.x(x))} {_n(self.y(y))}")
        return "".join(made)

    def _bar(self, bar: Bar) -> Markup:
        made: list[Markup] = []
        left, right, ground = self.x(bar.start), self.x(bar.end), 0.0
        gap = min(2.0, (right - left) / 5)
        for amount, tone in bar.layers:
            top, low = self.y(ground + amount), self.y(ground)
            if amount:
                made.append(_rect(tone, left + gap / 2, top, right - left - gap, low - top, bar.says, round=1.5))
            ground += amount
        return Markup("").join(made)

    def _mark(self, mark: Mark) -> Markup:
        x, y = self.x(mark.x), self.y(mark.y)
        word = Markup("")
        if mark.word:
            right = x > WIDTH * 0.6
            word = _text(mark.word, x - 9 if right else x + 9, y - 13, "end" if right else "start", "label")
        said = Markup("<title>{}</title>").format(one_line(mark.says))
        return Markup('<g class="{}">{}{}{}</g>').format(_class(mark.tone), said, _dot(x, y, 6.0, "chosen"), word)


def _unbroken(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _svg(name: str, says: str, width: float, height: float, drawn: Markup, kind: str = "figure") -> Markup:
    head = Markup("<title>{}</title><desc>{}</desc>").format(one_line(name), one_line(says))
    label = f"{one_line(name)}: {one_line(says)}"
    box = f"0 0 {_n(width)} {_n(height)}"
    scaled = Markup(' preserveAspectRatio="none"') if kind == _FLAT else ""
    return Markup('<svg class="{}" viewBox="{}"{} role="img" aria-label="{}">{}{}</svg>').format(
        kind, box, scaled, label, head, drawn
    )


def _rect(tone: Tone, x: float, y: float, width: float, height: float, says: str, *, round: float = 4.0) -> Markup:
    said = Markup("<title>{}</title>").format(one_line(says))
    place = (_n(x), _n(y), _n(width), _n(height), _n(min(round, width / 2, height / 2)))
    return Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}" rx="{}">{}</rect>').format(
        _class(tone), *place, said
    )


def _dot(x: float, y: float, radius: float, kind: str = "dot") -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(kind, _n(x), _n(y), _n(radius))


def _text(word: str, x: float, y: float, anchor: str, kind: str = "tick") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, _n(x), _n(y), anchor, one_line(word)
    )


def _class(tone: Tone) -> str:
    return f"tone-{tone or 'plain'}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _round_step(least: float, *, whole: bool = False) -> float:
    """The next of 1, 2, 5, 10, 20, 25, 50 …, or of 0.1, 0.2, 0.25, 0.5 … where it need not be whole."""
    if whole and least <= 1:
        return 1.0
    size: float = 10.0 ** math.floor(math.log10(least))
    steps = (1.0, 2.0, 5.0, 10.0) if whole and size < 10 else (1.0, 2.0, 2.5, 5.0, 10.0)
    return size * next(number for number in steps if number * size >= least - 1e-12)
