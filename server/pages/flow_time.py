"""What the page of the flow shows of time: on what it goes, what has changed, what holds runs up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from baton.core import format_time
from baton.core.texts import one_line, percent
from baton.flow import Times, grid_until
from baton.flow.queues import Station
from baton.flow.report import read_report
from baton.flowing import changed, filling, held_up, seconds, took
from baton.ledger import Transaction, rates
from baton.ledger.limits import LimitChange
from baton.ledger.lives import PARTS, LifeRow, Spent
from baton.ledger.reservations import Known
from baton.server.pages.figures import Bar, Line, count_axis, figure, shares, time_axis
from baton.server.pages.flowing import Key, Plot, Span, span_of
from baton.telling import Tone

PEOPLE = ("off_duty", "in_line", "not_looked_at", "deciding")

GROUPS: Mapping[str, tuple[Tone, tuple[str, ...]]] = {
    "waiting for a worker": ("asks", ("queueing",)),
    "models": ("ready", ("thinking",)),
    "tools": ("good", ("tools",)),
    "waiting for people": ("person", PEOPLE),
    "rework": ("bad", ("rework",)),
    "elsewhere, or under way": ("quiet", ("elsewhere", "transmission")),
}
"""What a run's time goes on, in few colours: the parts of `Spent` that each stands for."""


@dataclass(frozen=True)
class Row:
    """An agent in the table of times."""

    name: str
    says: Sequence[str]
    drawn: Markup | None
    changed: str


@dataclass(frozen=True)
class Served:
    """A station in the table."""

    kind: str
    name: str
    arrivals: str
    service: str
    at_once: str
    waiting: str
    used: str


@dataclass(frozen=True)
class Limited:
    """A limit on what is under way, in the table; `changes` are its newest."""

    name: str
    at_once: str
    held: str
    waiting: str
    changes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class TimeSpent:
    """Where time goes.

    Attributes:
        held_up: What holds the runs up most, and what helps; empty where nothing stands out.
        filling: When people will be asked more than they can answer; empty where that is not known.
    """

    rows: Sequence[Row]
    keys: Sequence[Key]
    plots: Sequence[Plot]
    held_up: tuple[str, str]
    filling: str
    stations: Sequence[Served]
    limits: Sequence[Limited] = ()


def read_time(tx: Transaction, name: str | None) -> TimeSpent:
    """Read where the time of the runs went that ended in a window."""
    span = span_of(name, rates.first_run(tx), tx.now)
    grid = grid_until(tx.now, span.step, span.count)
    report = read_report(tx, grid.start)
    rows = report.times.rows
    times, held = report.times, report.bottleneck
    shown = [times.all, *times.agents] if len(times.agents) > 1 else list(times.agents)
    return TimeSpent(
        rows=[_row(one) for one in shown],
        keys=[Key(tone, name) for name, (tone, _) in GROUPS.items()],
        plots=[_tails(rows, span, grid.start, tx.now), _parts(rows, span, grid.start)],
        held_up=("", "") if held is None else (held_up(held), one_line(held.way_out)),
        filling="" if report.saturation is None else filling(report.saturation),
        stations=[_station(one) for one in report.stations if one.arrivals],
        limits=[_limited(one, report.changes) for one in report.limits],
    )


def _limited(one: Known, changes: Sequence[LimitChange]) -> Limited:
    bounds = "" if one.bounds is None else f", from {one.bounds.least} to {one.bounds.most} by how it goes"
    held, waiting = (str(one.held), str(one.waiting)) if one.kind == "tool" else ("", "")
    told = [
        f"{format_time(each.at)}: {each.before} to {each.after}, {one_line(each.cause)}"
        for each in changes
        if each.name == one.name
    ]
    return Limited(one_line(one.name), f"{one.capacity}{bounds}", held, waiting, told[:3])


def _row(one: Times) -> Row:
    drawn = _bar(one.name or "all agents", one.spent) if one.spent.whole else None
    return Row(one_line(one.name) or "all", list(took(one)), drawn, "; ".join(changed(one)))


def _bar(name: str, spent: Spent) -> Markup:
    told: list[tuple[str, float, Tone]] = []
    for says, (tone, parts) in GROUPS.items():
        if amount := sum(float(getattr(spent, part)) for part in parts):
            told.append((f"{says} {percent(amount / spent.whole)}", amount, tone))
    return shares(f"What the time of {name} goes on", ", ".join(says for says, _, _ in told), told)


def _parts(rows: Sequence[LifeRow], span: Span, start: float) -> Plot:
    """For each stretch how long a run took on average, by what it went on."""
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0] * (len(PARTS) + 1))
    for row in rows:
        one = sums[int((row[4] - start) // span.step)]
        one[-1] += 1
        for place, amount in enumerate(row[5:]):
            one[place] += amount
    bars: list[Bar] = []
    for number, one in sorted(sums.items()):
        at = start + number * span.step
        layers: list[tuple[float, Tone]] = [
            (sum(one[PARTS.index(part)] for part in parts) / one[-1], tone) for tone, parts in GROUPS.values()
        ]
        told = ", ".join(
            f"{says} {seconds(amount)}" for says, (amount, _) in zip(GROUPS, layers, strict=True) if amount >= 0.05
        )
        bars.append(
            Bar(start=at, end=at + span.step, layers=[(amount / 60, tone) for amount, tone in layers], says=told)
        )
    most = max((sum(amount for amount, _ in bar.layers) for bar in bars), default=0.0)
    says = f"at most {seconds(most * 60)} on average"
    x = time_axis(start, start + span.step * span.count)
    drawn = figure("What the time of runs goes on", says, x, count_axis(most), bars)
    return Plot(f"Minutes of a run, every {span.of}", drawn, [Key(tone, name) for name, (tone, _) in GROUPS.items()])


def _tails(rows: Sequence[LifeRow], span: Span, start: float, now: float) -> Plot:
    """How long half of the runs and nine in ten took, in each stretch."""
    took = defaultdict[int, list[float]](list)
    for row in rows:
        took[int((row[4] - start) // span.step)].append((row[4] - row[3]) / 60)
    lines: list[Line] = []
    drawn_lines: tuple[tuple[float, Tone], ...] = ((0.9, "asks"), (0.5, "ready"))
    for share, tone in drawn_lines:
        points = [
            (min(now, start + (number + 0.5) * span.step), _at(took[number], share) if number in took else None)
            for number in range(span.count)
        ]
        lines.append(Line(points=points, tone=tone, dots=True))
    most = max((_at(some, 0.9) for some in took.values()), default=0.0)
    x = time_axis(start, start + span.step * span.count)
    drawn = figure("How long runs took", f"nine in ten within {seconds(most * 60)}", x, count_axis(most), lines)
    return Plot("Minutes until a run ended", drawn, [Key("ready", "half within"), Key("asks", "90 % within")])


def _at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _station(one: Station) -> Served:
    return Served(
        kind=one.kind,
        name=one_line(one.name),
        arrivals=f"{one.arrivals:,.1f}",
        service=seconds(one.service),
        at_once=f"{one.at_once:.2f}",
        waiting=f"{one.waiting:.2f}" if one.waiting >= 0.005 else "",
        used="" if one.utilisation is None else percent(one.utilisation),
    )
