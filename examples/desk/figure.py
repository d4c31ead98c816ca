"""Draws how a promise fared, as SVG: what runs alone, and how much of it is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TypeVar
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 800, 64, 24
INK, QUIET, GRID = "#1f2933", "#616e7c", "#e4e7eb"
ALONE, RECENT, SO_FAR, PROMISED = "#2f6fb3", "#e8862e", "#174a7c", "#c0392b"

_STYLE = f"""
  text {{ font: 13px system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: {INK};
    paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }}
  .title {{ font-size: 15px; font-weight: 600; }}
  .quiet {{ fill: {QUIET}; font-size: 12px; }}
""".strip("\n")

Curve = Sequence[float | None]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn; of each curve one value an action, as a share, None for none.

    Attributes:
        alone: Share that ran alone, of the latest actions.
        recent: Share that was wrong, of the latest that ran alone.
        so_far: Share that was wrong, of all that ran alone so far.
        promised: What it may be at most.
        marks: Events in words, by the action before which they were.
        alarms: Actions before which the certificate was revoked.
        recent_of: How many actions are the latest.
    """

    alone: Curve
    recent: Curve
    so_far: Curve
    promised: float
    marks: Mapping[int, str]
    alarms: Sequence[int]
    recent_of: int


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A plot's area.

    Attributes:
        top: In pixels from above.
        height: In pixels.
        highest: The share at its top.
        length: How many actions there are.
    """

    top: int
    height: int
    highest: float
    length: int

    def x(self, action: float) -> float:
        """Where an action is."""
        return LEFT + (WIDTH - LEFT - RIGHT) * action / max(self.length, 1)

    def y(self, value: float) -> float:
        """Where a share is."""
        return self.top + self.height * (1 - min(value / self.highest, 1.0))


def draw(picture: Picture) -> str:
    """The whole figure as SVG."""
    length = len(picture.alone)
    errors = [value for curve in (picture.recent, picture.so_far) for value in curve if value is not None]
    highest = max(2 * picture.promised, ceil(20 * max(errors, default=0.0)) / 20)  # whole steps of 5 %
    above = Panel(top=64, height=190, highest=1.0, length=length)
    below = Panel(top=320, height=170, highest=highest, length=length)
    parts = [
        *_frame(above, f"Runs alone, of the latest {picture.recent_of} actions", (0.0, 0.25, 0.5, 0.75, 1.0)),
        *_area(above, picture.alone),
        *_frame(below, "Wrong, of what ran alone", _ticks(highest)),
        _line(below, picture.recent, RECENT, 1.6),
        _line(below, picture.so_far, SO_FAR, 2.4),
        *_promised(below, picture.promised),
        *_legend(below, picture.recent_of),
        *(part for at, text in picture.marks.items() for part in _mark(above, below, at, text)),
        *(part for at in picture.alarms for part in _alarm(above, below, at)),
        *_actions(below),
    ]
    height = below.top + below.height + 56
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    label = "How much of a class of actions ran alone over time, and how much of that was wrong"
    body = "\n".join(parts)
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return f'{head} role="img" aria-label="{label}">\n<style>\n{_STYLE}\n</style>\n{back}\n{body}\n</svg>\n'


def _frame(panel: Panel, title: str, ticks: Sequence[float]) -> Iterator[str]:
    yield _text(LEFT, panel.top - 14, title, kind="title")
    for tick in ticks:
        y = panel.y(tick)
        yield _rule((LEFT, y), (WIDTH - RIGHT, y), f'stroke="{GRID}"')
        yield _text(LEFT - 8, y + 4, f"{100 * tick:g} %", kind="quiet", anchor="end")


def _ticks(highest: float) -> list[float]:
    """Every so many per cent that about five fit."""
    step = next((step for step in (1, 2, 5, 10, 20) if 100 * highest / step <= 6), 25)
    return [tick / 100 for tick in range(0, int(100 * highest + 1e-9) + 1, step)]


def _area(panel: Panel, curve: Curve) -> Iterator[str]:
    values = [value or 0.0 for value in curve]
    points = " ".join(f"{panel.x(at):.1f},{panel.y(value):.1f}" for at, value in _thinned(values))
    floor = panel.y(0)
    corners = f"{panel.x(0):.1f},{floor:.1f} {points} {panel.x(len(values)):.1f},{floor:.1f}"
    yield f'<polygon points="{corners}" fill="{ALONE}" fill-opacity="0.18"/>'
    yield f'<polyline points="{points}" fill="none" stroke="{ALONE}" stroke-width="2"/>'


def _line(panel: Panel, curve: Curve, colour: str, width: float) -> str:
    """A curve with gaps where it has no value."""
    steps: list[str] = []
    known = [(at, value) for at, value in _thinned(curve) if value is not None]
    for place, (at, value) in enumerate(known):
        joined = place > 0 and None not in curve[known[place - 1][0] : at]
        steps.append(f"{'L' if joined else 'M'}{panel.x(at):.1f} {panel.y(value):.1f}")
    return f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _thinned(curve: Sequence[T]) -> Iterator[tuple[int, T]]:
    """As many of the values as there are pixels, the last one too."""
    step = max(len(curve) // (WIDTH - LEFT - RIGHT), 1)
    last = len(curve) - 1
    yield from ((at, value) for at, value in enumerate(curve) if at % step == 0 or at == last)


def _promised(panel: Panel, promised: float) -> Iterator[str]:
    y = panel.y(promised)
    dashes = f'stroke="{PROMISED}" stroke-width="1.5" stroke-dasharray="6 4"'
    yield _rule((LEFT, y), (WIDTH - RIGHT, y), dashes)
    yield _text(LEFT + 6, y - 6, f"promised: at most {100 * promised:g} %", colour=PROMISED)


def _legend(panel: Panel, recent_of: int) -> Iterator[str]:
    names = {f"latest {recent_of}": RECENT, "so far": SO_FAR}
    x = WIDTH - RIGHT
    for name, colour in names.items():
        yield _text(x, panel.top - 14, name, anchor="end")
        x -= 8 * len(name) + 6
        yield _rule((x - 22, panel.top - 18), (x, panel.top - 18), f'stroke="{colour}" stroke-width="3"')
        x -= 36


def _mark(above: Panel, below: Panel, at: int, text: str) -> Iterator[str]:
    look = f'stroke="{QUIET}" stroke-width="1.2" stroke-dasharray="3 3"'
    yield _rule((above.x(at), 12), (above.x(at), above.y(0)), look)
    yield _rule((below.x(at), below.top), (below.x(at), below.y(0)), look)
    yield _beside(above.x(at), 22, text)


def _alarm(above: Panel, below: Panel, at: int) -> Iterator[str]:
    for panel in (above, below):
        yield _rule((panel.x(at), panel.top), (panel.x(at), panel.y(0)), f'stroke="{PROMISED}" stroke-width="1.2"')
    yield _beside(above.x(at), above.top + 16, "alarm: certificate revoked", colour=PROMISED)


def _beside(x: float, y: float, text: str, *, colour: str = "") -> str:
    """A text to the right of a line, or to its left where there is no room."""
    room = WIDTH - x - 6 > 7.2 * len(text)
    return _text(x + 6 if room else x - 6, y, text, anchor="start" if room else "end", colour=colour)


def _actions(panel: Panel) -> Iterator[str]:
    floor = panel.top + panel.height
    yield _rule((LEFT, floor), (WIDTH - RIGHT, floor), f'stroke="{INK}"')
    step = next((step for step in (50, 100, 250, 500, 1000) if panel.length / step <= 10), 2500)
    for at in range(0, panel.length + 1, step):
        yield _text(panel.x(at), floor + 18, f"{at:,}", kind="quiet", anchor="middle")
    what = "actions of the class, in the order in which they were proposed"
    yield _text((LEFT + WIDTH - RIGHT) / 2, floor + 40, what, anchor="middle")


def _rule(start: tuple[float, float], end: tuple[float, float], look: str) -> str:
    """A straight line."""
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {look}/>'


def _text(x: float, y: float, text: str, *, kind: str = "", anchor: str = "start", colour: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    fill = f' style="fill: {colour}"' if colour else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}{fill}>{escape(text)}</text>'
