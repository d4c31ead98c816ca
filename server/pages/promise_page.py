"""What the page of a promise shows: what more would cost, how right stated confidence is, how much ran alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import Promise, format_time
from baton.core.texts import one_line, percent
from baton.ledger.promises import Entry
from baton.policies.promises import Point
from baton.policies.promises.figures import BINS, Stretch, reliability, stretches
from baton.policies.promises.looking import Page
from baton.promising import (
    FEW,
    FEW_IN_A_ROW,
    Signal,
    ago,
    details,
    distinct,
    facts,
    headline,
    never_known,
    of_kind,
    picked,
    promised,
    scored_by,
    signals_of,
    unknown_curve,
)
from baton.rows import Row
from baton.server.pages.figures import Axis, Bar, Line, Mark, Part, count_axis, figure, share_axis
from baton.server.pages.flowing import Key, Plot
from baton.telling import Tone

LATEST = 5000
"""Entries of a certificate that are read, the latest."""

_PARTS = 30
"""Bars of the history at most."""

_NEWEST = 5


@dataclass(frozen=True)
class Threshold:
    """A row of the table of thresholds."""

    score: str
    share: str
    wrong: str
    tone: Tone
    evidence: str
    in_force: bool


@dataclass(frozen=True, kw_only=True)
class PromisePage:
    """A promise in words and plots; where a plot cannot be drawn, its sentence says why."""

    kind: str
    agent: str
    says: str
    tone: Tone
    more: Sequence[str]
    facts: Sequence[Row]
    curve: Plot
    thresholds: Sequence[Threshold]
    reliability: Plot
    history: Plot
    scored_by: str
    signals: Sequence[Signal]
    never: Sequence[str]
    waiting: Sequence[tuple[str, str, str]]
    reported: Sequence[tuple[str, str]]
    earlier: Sequence[tuple[str, str, str, str]]


def shown(page: Page, now: float) -> PromisePage:
    """A promise as its page shows it."""
    look, said = page.look, headline(page.look)
    waiting = [(one.run, one_line(one.tool), ago(one.opened_at, now)) for one in look.waiting[:_NEWEST]]
    return PromisePage(
        kind=one_line(look.row.kind),
        agent=one_line(look.row.agent),
        says=one_line(said[0]),
        tone=said[1],
        more=details(look, now),
        facts=facts(page, now),
        curve=_curve(page),
        thresholds=[_threshold(one) for one in picked(distinct(look.curve))] if not unknown_curve(page) else [],
        reliability=_reliability(page),
        history=_history(page),
        scored_by=scored_by(page),
        signals=signals_of(page),
        never=never_known(page),
        waiting=waiting,
        reported=[_reported(one, now) for one in reversed(of_kind(page, "reported")[-_NEWEST:])],
        earlier=[
            (row.id, promised(row.promise), one_line(row.scorer), format_time(row.began_at))
            for row in page.earlier[:_NEWEST]
        ],
    )


def _curve(page: Page) -> Plot:
    """Risk against coverage: how much of what ran alone from each threshold would be wrong."""
    name, why = "What more would cost", unknown_curve(page)
    if why:
        return Plot(name, None, says=why)
    points = [one for one in distinct(page.look.curve) if one.wrong is not None and one.labels >= FEW_IN_A_ROW]
    points.sort(key=lambda one: one.share)
    most = page.look.row.promise.most_wrong
    y = share_axis(min(1.0, 1.15 * max([most, *(one.wrong or 0.0 for one in points)])))
    drawn = figure(name, _told(points, page.look.row.promise), share_axis(), y, _drawn(points, most))
    keys = [Key("good", "certified"), Key("ready", "not certified yet"), Key("bad", f"promised: {100 * most:g} %")]
    says = "Across: the share of the actions that would run alone. Up: the share of those that was wrong lately."
    return Plot(name, drawn, keys, says)


def _drawn(points: Sequence[Point], most: float) -> list[Part]:
    proven = [one for one in points if one.proven]
    made: list[Part] = [
        Line(points=[(0.0, most), (1.0, most)], tone="bad", dashed=True),
        Line(points=[(one.share, one.wrong) for one in points], tone="ready", dots=True),
        Line(points=[(one.share, one.wrong) for one in proven], tone="good", dots=True),
    ]
    for one in points:
        if one.in_force:
            says = f"in force: from score {one.threshold:.2f} {percent(one.share)} run alone"
            made.append(
                Mark(x=one.share, y=one.wrong or 0.0, tone="good", says=says, word=f"in force, {one.threshold:.2f}")
            )
    return made


def _told(points: Sequence[Point], promise: Promise) -> str:
    said = [f"{percent(one.share)} alone: {percent(one.wrong or 0.0, 1)} wrong" for one in picked(points)]
    return f"{'; '.join(said) or 'too few labels'}. Promised is {promised(promise)}."


def _threshold(point: Point) -> Threshold:
    few = point.labels < FEW_IN_A_ROW or point.wrong is None
    needed = "" if point.needed_evidence is None else f"{point.evidence:,.0f} of {point.needed_evidence:,.0f}"
    return Threshold(
        score=f"{point.threshold:.2f}",
        share=percent(point.share),
        wrong="too few labels" if few else percent(point.wrong or 0.0, 1),
        tone="quiet" if few else "",
        evidence="certified" if point.proven else needed,
        in_force=point.in_force,
    )


def _reliability(page: Page) -> Plot:
    name, rows = "How sure it says it is, and how often people found it right", reliability(page.entries)
    labels = sum(row.labels for row in rows)
    if labels < FEW:
        some = f"not known yet: only {labels} actions with a stated confidence were labelled"
        none = "not known: the agent has not said how sure it is of anything that was labelled"
        return Plot(name, None, says=some if labels else none)
    known = [row for row in rows if row.labels >= FEW_IN_A_ROW]
    points = [(row.stated, row.right) for row in known]
    says = "; ".join(f"says {percent(row.stated)}: {percent(row.right)} right of {row.labels:,}" for row in known)
    parts: list[Part] = [
        Line(points=[(0.0, 0.0), (1.0, 1.0)], tone="quiet", dashed=True),
        Line(points=points, tone="ready", dots=True),
    ]
    drawn = figure(name, says, share_axis(), share_axis(), parts)
    keys = [Key("ready", "as people found"), Key("quiet", "as right as it says")]
    few = " Tenths with too few labels are left out." if len(known) < len(rows) else ""
    return Plot(name, drawn, keys, f"Across: what it says. Up: how much of it was right.{few}")


def _history(page: Page) -> Plot:
    name, decided = "How much ran alone", of_kind(page, "decided")
    if len(decided) < FEW:
        return Plot(name, None, says=f"too little to show: {len(decided)} actions so far")
    parts = stretches(page.entries, min(_PARTS, len(decided) // BINS))
    edges, bars = _bars(parts, page.left_out), list[Part]()
    bars += edges
    bars += [_alarm(at, decided, page.left_out) for at in page.alarms if at >= decided[0].at]
    first, last = edges[0].start, edges[-1].end
    across = count_axis(last - first)
    x = Axis(first, last, [(first + at, f"{first + at:,.0f}") for at, _ in across.ticks if first + at <= last])
    span = f"{format_time(parts[0].began_at)} to {format_time(parts[-1].ended_at)}"
    drawn = figure(name, f"{len(decided):,} actions, {span}", x, share_axis(), bars)
    keys = [Key("good", "ran alone"), *([Key("bad", "a change was found: it began anew")] if page.alarms else [])]
    return Plot(name, drawn, keys, f"Across: actions, in their order, {span}. Up: the share of them that ran alone.")


def _bars(parts: Sequence[Stretch], first: int) -> list[Bar]:
    made, at = list[Bar](), float(first)
    for part in parts:
        share = part.alone / part.decided
        says = f"{format_time(part.began_at)}: {part.alone} of {part.decided} ran alone"
        made.append(Bar(start=at, end=at + part.decided, layers=[(share, "good")], says=says))
        at += part.decided
    return made


def _alarm(at: float, decided: Sequence[Entry], first: int) -> Mark:
    place = first + sum(one.at < at for one in decided)
    return Mark(x=float(place), y=0.02, tone="bad", says=f"a change was found {format_time(at)}")


def _reported(entry: Entry, now: float) -> tuple[str, str]:
    return str(entry.action), f"wrong, says {one_line(entry.by or 'somebody')}, {ago(entry.at, now)}"
