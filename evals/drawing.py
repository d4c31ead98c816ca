"""Figures as inline SVG: no script, no file beside it. Their colours are the page's, which knows the dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 14, 40


@dataclass(frozen=True)
class Axis:
    """From where to where, what stands at it, and the places that are marked: with what they are called."""

    low: float
    high: float
    says: str
    ticks: Sequence[tuple[float, str]]


@dataclass
class Plot:
    """A figure in the making; what is drawn later lies above."""

    x: Axis
    y: Axis
    says: str
    width: int = WIDTH
    height: int = HEIGHT

    def __post_init__(self) -> None:
        self._parts: list[str] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, in pixels."""
        across, up = _share(self.x, x), _share(self.y, y)
        inner = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return round(_LEFT + across * inner[0], 1), round(_TOP + (1 - up) * inner[1], 1)

    def line(self, points: Sequence[tuple[float, float]], kind: str = "main", *, step: bool = False) -> None:
        """Points that are joined."""
        if not points:
            return
        found = [self.at(*points[0])]
        for x, y in points[1:]:
            place = self.at(x, y)
            found += [(place[0], found[-1][1]), place] if step else [place]
        path = " ".join(f"{x:g},{y:g}" for x, y in found)
        self._parts.append(f'<polyline class="line {kind}" points="{path}"/>')

    def band(self, lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]]) -> None:
        """What lies between two lines."""
        path = " ".join(f"{x:g},{y:g}" for x, y in (self.at(*one) for one in [*lower, *reversed(upper)]))
        self._parts.append(f'<polygon class="band" points="{path}"/>')

    def dot(self, x: float, y: float, says: str, kind: str = "main", size: float = 4) -> None:
        """A point."""
        across, down = self.at(x, y)
        place = f'cx="{across:g}" cy="{down:g}" r="{size:g}"'
        self._parts.append(f'<circle class="dot {kind}" {place}><title>{escape(says)}</title></circle>')

    def whisker(self, start: tuple[float, float], end: tuple[float, float], kind: str = "main") -> None:
        """An interval."""
        (x1, y1), (x2, y2) = self.at(*start), self.at(*end)
        self._parts.append(f'<line class="whisker {kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>')

    def bar(self, x: tuple[float, float], y: float, says: str, kind: str = "main") -> None:
        """A bar from the ground up."""
        (left, top), (right, ground) = self.at(x[0], y), self.at(x[1], self.y.low)
        size = f'x="{left:g}" y="{top:g}" width="{max(0.5, right - left - 1):g}" height="{max(0.0, ground - top):g}"'
        self._parts.append(f'<rect class="bar {kind}" {size} rx="1.5"><title>{escape(says)}</title></rect>')

    def word(self, x: float, y: float, text: str, *, end: bool = False, up: float = 8) -> None:
        """A text beside a point."""
        across, down = self.at(x, y)
        anchor = "end" if end else "start"
        place = f'x="{across + (-7 if end else 7):g}" y="{down - up:g}"'
        self._parts.append(f'<text class="note" {place} text-anchor="{anchor}">{escape(text)}</text>')

    def upright(self, x: float, kind: str = "rule") -> None:
        """A line from bottom to top."""
        self.line([(x, self.y.low), (x, self.y.high)], kind)

    def svg(self) -> str:
        """The figure."""
        return (
            f'<svg class="plot" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.says)}">'
            f"{self._frame()}{''.join(self._parts)}</svg>"
        )

    def _frame(self) -> str:
        found: list[str] = []
        for value, says in self.y.ticks:
            (left, down), (right, _) = self.at(self.x.low, value), self.at(self.x.high, value)
            found.append(f'<line class="grid" x1="{left:g}" y1="{down:g}" x2="{right:g}" y2="{down:g}"/>')
            found.append(f'<text x="{left - 7:g}" y="{down + 4:g}" text-anchor="end">{escape(says)}</text>')
        ground = self.height - _BOTTOM
        for value, says in self.x.ticks:
            across = self.at(value, self.y.low)[0]
            found.append(f'<text x="{across:g}" y="{ground + 16:g}" text-anchor="middle">{escape(says)}</text>')
        middle = (self.width + _LEFT - _RIGHT) / 2
        place = f'x="{middle:g}" y="{self.height - 6:g}" text-anchor="middle"'
        found.append(f'<text class="axis" {place}>{escape(self.x.says)}</text>')
        return "".join(found)


def percent_axis(says: str, high: float = 1.0) -> Axis:
    """From 0 to a share, in percent."""
    step = next(one for one in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if high / one <= 5.5)
    count = max(1, -int(-high / step // 1))
    return Axis(0.0, step * count, says, [(step * n, f"{100 * step * n:g} %") for n in range(count + 1)])


def stack(parts: Sequence[tuple[str, float, str]], unit: str, width: int = 460) -> str:
    """One bar that is made of parts: what each is called, how much, and its kind; those of nothing are left out."""
    whole = sum(value for _, value, _ in parts)
    if whole <= 0:
        return ""
    left, found = 0.0, list[str]()
    for name, value, kind in parts:
        wide = width * value / whole
        says = escape(f"{name}: {value:.3g} {unit} ({100 * value / whole:.0f} %)")
        if value > 0:
            found.append(
                f'<rect class="bar {kind}" x="{left:.1f}" y="0" width="{max(1.0, wide - 1.5):.1f}" height="26" rx="3">'
                f"<title>{says}</title></rect>"
            )
        left += wide
    label = escape(", ".join(f"{name} {100 * value / whole:.0f} %" for name, value, _ in parts))
    return f'<svg class="stack" viewBox="0 0 {width} 26" role="img" aria-label="{label}">{"".join(found)}</svg>'


def _share(axis: Axis, value: float) -> float:
    return min(1.0, max(0.0, (value - axis.low) / (axis.high - axis.low)))
