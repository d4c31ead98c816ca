"""What the page of the flow shows: figures in words, and plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from baton.core import InvalidValue, format_duration
from baton.core.texts import one_line, percent
from baton.flow import (
    Figures,
    Measures,
    Pace,
    Parts,
    Staff,
    Stuck,
    Use,
    grid_until,
    heads,
    measure,
    read_pace,
    staff_of,
    stuck_work,
    use_of_time,
)
from baton.flow.pace import NEWEST
from baton.flowing import wrong
from baton.ledger import Transaction, alerts, people, rates, waits
from baton.ledger.courses import courses, looks
from baton.ledger.rates import OpenRuns
from baton.ledger.waits import Wait
from baton.measuring import MANY, PARTS, judged, law
from baton.policies.promises import looking
from baton.policies.promises.looking import Look
from baton.promising import details, headline
from baton.server.pages.figures import Bar, Line, count_axis, figure, gauge, moment, shares, time_axis
from baton.telling import STATUS_TONE, Tone

ANSWERS = 500
"""Answers, the newest, of which waits are split into their parts: each takes a third of a millisecond."""

CHAINS = 20
"""Chains of stuck work that are shown."""


@dataclass(frozen=True)
class Span:
    """A window of time that the page can look at.

    Attributes:
        step: Seconds of each of its stretches, of which there are `count`.
        of: What such a stretch is called.
    """

    name: str
    label: str
    step: float
    count: int
    of: str


SPANS = (
    Span("hour", "Hour", 120.0, 30, "two minutes"),
    Span("day", "Day", 3600.0, 24, "hour"),
    Span("week", "Week", 6 * 3600.0, 28, "six hours"),
    Span("month", "30 days", 86400.0, 30, "day"),
)


class Key(NamedTuple):
    """What a colour of a plot stands for."""

    tone: Tone
    text: str


@dataclass(frozen=True)
class Tile:
    """A figure that stands out."""

    name: str
    value: str
    more: str
    tone: Tone = ""


@dataclass(frozen=True)
class Plot:
    """A plot with its heading, what its colours mean, and a sentence; None is drawn where there is too little."""

    name: str
    drawn: Markup | None
    keys: Sequence[Key] = ()
    says: str = ""


@dataclass(frozen=True)
class Meter:
    """A row with a bar."""

    name: str
    says: str
    drawn: Markup


@dataclass(frozen=True)
class Promised:
    """A promise on a line."""

    kind: str
    agent: str
    query: str
    says: str
    tone: Tone
    more: str
    drawn: Markup


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The part of the page that is read at once.

    Attributes:
        empty: Whether no run was ever submitted.
        chains: What is stuck, as far as it is shown; `left_out` is how many chains are not.
        endless: What is waited for without limit.
        wrong: What is found to be wrong now: a line, and what more there is to say.
        was_wrong: The same of what was found in the window and is over.
    """

    span: Span
    now: float
    empty: bool
    tiles: Sequence[Tile]
    plots: Sequence[Plot]
    waiting: Sequence[Meter]
    agents: Sequence["AtWork"]
    left_out: int
    chains: Sequence[Stuck]
    endless: Sequence[Wait]
    promises: Sequence[Promised]
    wrong: Sequence[tuple[str, str]]
    was_wrong: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class AtWork:
    """What an agent was at, of its newest runs."""

    name: str
    runs: int
    thinking: str
    acting: str
    each: str
    tokens: str


@dataclass(frozen=True)
class Measured:
    """A class or a person in a table of measures."""

    name: str
    answered: int
    waiting: int
    median: str
    most: str
    missed: str
    parts: Markup | None
    judged: str


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What waiting for people consists of."""

    since: float
    cut: bool
    whole: Meter | None
    keys: Sequence[Key]
    classes: Sequence[Measured]
    people: Sequence[Measured]
    use: Sequence[tuple[str, str, str, Markup | None]]
    law: str


def span_of(name: str | None, first: float | None, now: float) -> Span:
    """The window of this name; without one an hour where the record is younger, else a day.

    Raises:
        InvalidValue: if there is none.
    """
    if name is None:
        return SPANS[0] if first is not None and now - first < 3600.0 else SPANS[1]
    known = {span.name: span for span in SPANS}
    if name not in known:
        raise InvalidValue("span", name, " or ".join(known))
    return known[name]


def read_flow(tx: Transaction, name: str | None) -> Flow:
    """Read what the page shows at once; each figure is counted by the database, or is of what is open."""
    first = rates.first_run(tx)
    span = span_of(name, first, tx.now)
    pace, staff = read_pace(tx, grid_until(tx.now, span.step, span.count)), staff_of(tx)
    stuck = stuck_work(tx, staff)
    chains = list(heads(stuck))
    began = max(pace.grid.start, first or tx.now)
    found = alerts.listed(tx, pace.grid.start, CHAINS)
    return Flow(
        span=span,
        now=tx.now,
        empty=first is None,
        tiles=_tiles(pace, len(stuck), len(chains)),
        plots=[_throughput(pace, span), _depth(pace), _work(pace)],
        waiting=[_open(one) for one in pace.open],
        agents=_at_work(pace, began),
        left_out=max(0, len(chains) - CHAINS),
        chains=chains[:CHAINS],
        endless=waits.endless(tx)[:CHAINS],
        promises=[promised_line(look, tx.now) for look in looking.looks(tx)],
        wrong=[wrong(one, tx.now) for one in found if one.ended is None],
        was_wrong=[wrong(one, tx.now) for one in found if one.ended is not None],
    )


def read_waiting(tx: Transaction, name: str | None) -> Waiting:
    """Read what waiting consists of, of the newest answers in the window."""
    span = span_of(name, rates.first_run(tx), tx.now)
    start = grid_until(tx.now, span.step, span.count).start
    since = rates.answered_since(tx, start, ANSWERS)
    found, staff, roster = courses(tx, since), staff_of(tx), people.roster(tx)
    measures = measure(found, looks(tx, since), staff, since, tx.now)
    return _waiting(measures, use_of_time(found, roster, since, tx.now), staff, cut=since > start)


def _waiting(measures: Measures, use: Sequence[Use], staff: Staff, *, cut: bool) -> Waiting:
    whole = sum((one.parts for one in measures.classes), Parts())
    closed = sum(one.closed for one in measures.classes)
    return Waiting(
        since=measures.since,
        cut=cut,
        whole=Meter("All waits", format_duration(whole.whole), _split("all classes", whole)) if whole.whole else None,
        keys=[Key(tone, says) for says, tone in PARTS.values()],
        classes=[_measured(one) for one in measures.classes],
        people=[_measured(one) for one in measures.people],
        use=[_used(one) for one in use],
        law=law(measures.law) if closed >= MANY else "",
    )


def _measured(one: Figures) -> Measured:
    median, most = one.wait(0.5), one.wait(0.9)
    missed = f"{one.avoidable} avoidable, {one.unavoidable} not" if one.avoidable or one.unavoidable else ""
    return Measured(
        name=one_line(one.name),
        answered=one.answered,
        waiting=one.waiting,
        median="" if median is None else format_duration(median),
        most="" if most is None else format_duration(most),
        missed=missed,
        parts=_split(one.name, one.parts) if one.parts.whole else None,
        judged=", ".join(judged(one)),
    )


def _split(name: str, parts: Parts) -> Markup:
    told: list[tuple[str, float, Tone]] = []
    for part, (says, tone) in PARTS.items():
        if seconds := getattr(parts, part):
            told.append((f"{says} {percent(seconds / parts.whole)}", seconds, tone))
    return shares(f"What waits of {name} consist of", ", ".join(says for says, _, _ in told), told)


def _used(one: Use) -> tuple[str, str, str, Markup | None]:
    busy = format_duration(one.busy)
    if one.share is None or one.duty is None:
        return one_line(one.name), busy, "not on duty" if one.duty == 0 else "hours not known", None
    said = f"{percent(one.share)} of {format_duration(one.duty)} on duty"
    return one_line(one.name), busy, said, gauge(f"{one.name} at questions", said, one.share, "person")


def _tiles(pace: Pace, stuck: int, chains: int) -> list[Tile]:
    ended = {how: sum(pace.ended[how]) for how in _OUTCOMES if how in pace.ended}
    open_, ready = sum(one.all for one in pace.open), sum(one.ready for one in pace.open)
    asked, answered = sum(pace.asked), sum(pace.answered)
    told = f"in {chains} {'chain' if chains == 1 else 'chains'}"
    return [
        Tile("Runs ended", f"{sum(ended.values()):,}", _listed(ended) or "none in this time"),
        Tile("In progress", f"{open_:,}", f"{ready:,} at work, {open_ - ready:,} waiting", "ready" if open_ else ""),
        Tile(
            "Questions open",
            f"{pace.depth[-1]:,}",
            f"{asked:,} asked, {answered:,} closed in this time",
            "asks" if pace.depth[-1] else "",
        ),
        Tile("Stuck", f"{stuck:,}", told if stuck else "nothing is", "bad" if stuck else "good"),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


_OUTCOMES = ("done", "refused", "failed", "cancelled")


def _throughput(pace: Pace, span: Span) -> Plot:
    grid, parts = pace.grid, list[Bar]()
    for number in range(grid.count):
        start = grid.start + grid.step * number
        counts = {how: pace.ended[how][number] for how in _OUTCOMES if how in pace.ended}
        layers = [_layer(how, count) for how, count in counts.items()]
        says = f"{_when(start, grid.step)}: {_listed(counts) or 'none'}"
        parts.append(Bar(start=start, end=start + grid.step, layers=layers, says=says))
    most = max((sum(amount for amount, _ in bar.layers) for bar in parts), default=0)
    says = f"at most {most:,.0f} every {span.of}"
    drawn = figure("Runs ended", says, time_axis(grid.start, grid.end), count_axis(most), parts)
    keys = [Key("good", "done"), Key("bad", "refused or failed"), Key("person", "cancelled")]
    return Plot(f"Runs ended, every {span.of}", drawn, keys)


def _layer(how: str, count: int) -> tuple[float, Tone]:
    return float(count), STATUS_TONE[how]


def _when(at: float, step: float) -> str:
    return moment(at, days=True) if step >= 86400 else f"{moment(at, days=True)}, {moment(at, days=False)}"


def _depth(pace: Pace) -> Plot:
    return Plot("Open questions", _level(pace, "Open questions", pace.depth, "asks"))


def _work(pace: Pace) -> Plot:
    return Plot("Work in progress", _level(pace, "Runs that have not ended", pace.work, "ready"))


def _level(pace: Pace, name: str, levels: Sequence[int], tone: Tone) -> Markup:
    points = list(zip(pace.edges, levels, strict=True))
    says = f"{levels[-1]:,} now, at most {max(levels):,}"
    line = Line(points=points, tone=tone, filled=True)
    return figure(name, says, time_axis(pace.grid.start, pace.grid.end), count_axis(max(levels)), [line])


OPEN_KEYS = (
    Key("ready", "at work"),
    Key("asks", "a person's answer"),
    Key("quiet", "a time"),
    Key("person", "an event"),
    Key("", "other work, or a message"),
)


def _open(one: OpenRuns) -> Meter:
    counts = (one.ready, one.asking, one.timed, one.listening, one.other)
    parts: list[tuple[str, float, Tone]] = []
    for key, count in zip(OPEN_KEYS, counts, strict=True):
        parts.append((f"{key.text}: {count:,}", float(count), key.tone))
    told = ", ".join(says for says, count, _ in parts if count)
    return Meter(one.agent, f"{one.all:,} open", shares(f"What {one.agent} waits for", told, parts))


def _at_work(pace: Pace, began: float) -> list[AtWork]:
    if sum(one.runs for one in pace.busy) >= NEWEST:
        began = min(one.since for one in pace.busy)
    passed = max(1.0, pace.now - began)
    return [
        AtWork(
            name=one.agent,
            runs=one.runs,
            thinking=f"{one.thinking / passed:.2f}",
            acting=f"{one.acting / passed:.2f}",
            each=_seconds((one.thinking + one.acting) / one.runs),
            tokens=f"{one.tokens / one.runs:,.0f}",
        )
        for one in pace.busy
    ]


def _seconds(length: float) -> str:
    return f"{length:.1f} s" if length < 10 else format_duration(length)


def promised_line(look: Look, now: float) -> Promised:
    """A promise on a line."""
    said, tone = headline(look)
    share = look.standing.share if look.standing is not None and look.standing.threshold is not None else 0.0
    kind, agent = look.row.kind, look.row.agent
    return Promised(
        kind=one_line(kind),
        agent=one_line(agent),
        query=f"{quote(kind)}?agent={quote(agent)}",
        says=one_line(said),
        tone=tone,
        more="; ".join(details(look, now)),
        drawn=gauge(f"{kind} of {agent} alone", f"{percent(share)} run alone", share, "good"),
    )
