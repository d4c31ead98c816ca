"""The figures of a report: reliability, risk and coverage, waits, what they consist of, costs, paired differences."""

import math
from collections.abc import Sequence
from html import escape

from baton.evals.calibration import Calibration, Stated, Threshold, risk_coverage
from baton.evals.comparing import Compared, Comparison
from baton.evals.drawing import Axis, Plot, percent_axis, stack
from baton.evals.results import Results

_WAITS = ((60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"), (4 * 3600.0, "4 h"), (86400.0, "1 d"), (604800.0, "1 w"))

PARTS = (
    ("nobody on duty", "off_duty", "k5"),
    ("everybody busy", "queueing", "k4"),
    ("not looked at", "not_looked_at", "k3"),
    ("thinking", "thinking", "k1"),
    ("delivery", "delivery", "k2"),
)
"""What waits consist of: the name, the column, the colour."""


def reliability(found: Calibration) -> str:
    """Stated confidence against the share that is right, with intervals; the diagonal is calibrated."""
    plot = Plot(percent_axis("confidence that the agent states"), percent_axis("right"), "Reliability diagram")
    plot.line([(0, 0), (1, 1)], "rule")
    most = max(one.count for one in found.bins)
    for one in found.bins:
        says = f"{one.count} actions, stated {one.stated:.0%}, right {one.right:.0%}"
        plot.whisker((one.stated, one.interval[0]), (one.stated, one.interval[1]))
        plot.dot(one.stated, one.right, says, size=3 + 5 * math.sqrt(one.count / most))
    return plot.svg()


def coverage(said: Sequence[Stated], chosen: Threshold, promised: float) -> str:
    """The share that is wrong of what would run alone, against how much would; with the threshold that is tested."""
    points = risk_coverage(said)
    high = max(0.05, promised * 1.4, *(one.risk for one in points))
    plot = Plot(percent_axis("share of actions that run alone"), percent_axis("wrong", high), "Risk and coverage")
    plot.line([(0, promised), (1, promised)], "rule")
    plot.line([(one.coverage, one.risk) for one in points])
    plot.word(1, promised, f"promised: at most {promised:.0%}", end=True)
    if chosen.point is not None:
        one = chosen.point
        plot.whisker((one.coverage, one.risk), (one.coverage, min(high, chosen.bound)), "good")
        plot.dot(one.coverage, one.risk, f"from {one.threshold:.2f} on: {one.wrong} of {one.alone} wrong", "good", 5.5)
        plot.word(one.coverage, one.risk, f"from {one.threshold:.2f}", end=one.coverage > 0.6)
    return plot.svg()


def waits(results: Results) -> str:
    """How long people were waited for: the share of the questions that was answered by then; empty without any."""
    seconds = sorted(
        float(row["decided_at"]) - float(row["opened_at"])
        for one in results.counted
        for row in one.reviews
        if row["decided_at"] is not None
    )
    if not seconds:
        return ""
    low, high = math.log(min(30.0, max(1.0, seconds[0]))), math.log(max(7200.0, seconds[-1]))
    ticks = [(math.log(at), says) for at, says in _WAITS if low <= math.log(at) <= high]
    plot = Plot(Axis(low, high, "waited for a person", ticks), percent_axis("answered"), "Waits for people")
    points = [(low, 0.0)]
    for number, one in enumerate(seconds, 1):
        points.append((math.log(max(one, 1.0)), number / len(seconds)))
    plot.line(points, step=True)
    for share in (0.5, 0.9):
        at = seconds[min(len(seconds) - 1, math.ceil(share * len(seconds)) - 1)]
        plot.dot(math.log(max(at, 1.0)), share, f"{share:.0%} within {time_taken(at)}", "good", 4.5)
        plot.word(
            math.log(max(at, 1.0)), share, f"{share:.0%}: {time_taken(at)}", end=math.log(max(at, 1)) > (low + high) / 2
        )
    return plot.svg()


def parts_of_waits(results: Results) -> tuple[str, list[tuple[str, float, str]]]:
    """A bar of what the waits consisted of, and its parts in hours."""
    found = [
        (name, sum(float(row[f"{column}_seconds"] or 0) for one in results.counted for row in one.reviews) / 3600, kind)
        for name, column, kind in PARTS
    ]
    return stack(found, "h"), found


SPENT = (
    ("people: nobody on duty", "off_duty"),
    ("people: everybody busy", "in_line"),
    ("people: not looked at", "not_looked_at"),
    ("people: deciding", "deciding"),
    ("model", "thinking"),
    ("tools", "tools"),
    ("queueing for a worker", "queueing"),
    ("transmission", "transmission"),
    ("tried again, or rejected", "rework"),
    ("times, events and work handed on", "elsewhere"),
)
"""What the time of an attempt goes on: the name, the column."""


def spent(results: Results) -> list[tuple[str, float, float, float]]:
    """What attempts' time went on: each cause with its share of all, its mean and its 90th percentile in seconds."""
    ended = [one.row for one in results.counted if one.row["tools_seconds"] is not None]
    by_cause = [(name, sorted(float(row[f"{column}_seconds"]) for row in ended)) for name, column in SPENT]
    whole = math.fsum(sum(each) for _, each in by_cause)
    return [
        (name, sum(each) / whole, sum(each) / len(each), each[math.ceil(0.9 * len(each)) - 1])
        for name, each in by_cause
        if each and sum(each) > 0
    ]


def costs(results: Results) -> tuple[str, list[tuple[str, float, str]]]:
    """A bar of what an attempt costs, and its parts."""
    tried, prices = results.counted, results.prices
    count = max(1, len(tried))
    found = [
        ("tokens", sum(one.money(prices) for one in tried) / count, "k2"),
        ("people", sum(one.minutes for one in tried) * prices.minute / count, "k1"),
        ("mistakes", sum(one.harm for one in tried) / count, "bad"),
        ("delay", sum(float(one.row["seconds"]) for one in tried) / 3600 * prices.delay / count, "k5"),
    ]
    return stack(found, "€"), found


def forest(comparison: Comparison) -> str:
    """Paired differences with intervals, in standard deviations of the clusters, so that they share one axis."""
    shown = [one for one in comparison.metrics.values() if one.difference.deviation > 0]
    if not shown:
        return ""
    most = max(0.3, *(abs(end) / one.difference.deviation for one in shown for end in one.gain)) * 1.08
    rows, width, left = 30, 640, 190
    height = rows * len(shown) + 34

    def across(value: float) -> float:
        return round(left + (value / most + 1) / 2 * (width - left - 20), 1)

    found = [f'<line class="line rule" x1="{across(0)}" y1="4" x2="{across(0)}" y2="{height - 30}"/>']
    for number, one in enumerate(shown):
        mean, low, high = (value / one.difference.deviation for value in one.gain)
        down, kind = rows * number + 18, _kind(one)
        says = f"{one.metric.says}: {one.before:.3g} → {one.now:.3g}"
        found.append(
            f'<text class="row" x="{left - 12}" y="{down + 4}" text-anchor="end">{escape(one.metric.name)}</text>'
        )
        found.append(
            f'<line class="whisker {kind}" x1="{across(low)}" y1="{down}" x2="{across(high)}" y2="{down}"/>'
            f'<circle class="dot {kind}" cx="{across(mean)}" cy="{down}" r="5"><title>{escape(says)}</title></circle>'
        )
    found.append(f'<text x="{left}" y="{height - 8}">← worse</text>')
    found.append(f'<text x="{width - 20}" y="{height - 8}" text-anchor="end">better →</text>')
    label = "Paired differences with 95 % intervals"
    return (
        f'<svg class="plot wide" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(found)}</svg>'
    )


def _kind(one: Compared) -> str:
    _, low, high = one.gain
    return "good" if low > 0 else "bad" if high < 0 else "main"


def time_taken(seconds: float) -> str:
    """A length of time for people."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.2g} {unit}" if seconds < 100 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
