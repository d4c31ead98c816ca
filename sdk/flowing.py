"""How it goes, in words: where time goes, what has changed, what holds runs up, what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from baton.core import format_duration
from baton.core.texts import one_line, percent
from baton.flow import Times
from baton.flow.forecasts import End, PlanTimes, WhatIf, at_most
from baton.flow.queues import Bottleneck, Station
from baton.flow.saturation import Saturation
from baton.flow.whatif import Played
from baton.ledger.alerts import Alert
from baton.review.outlook import day_time
from baton.telling import Tone

SPENT: Mapping[str, tuple[str, Tone]] = {
    "queueing": ("waiting for a worker", "asks"),
    "thinking": ("models", "ready"),
    "tools": ("tools", "good"),
    "transmission": ("under way", "quiet"),
    "off_duty": ("people off duty", "quiet"),
    "in_line": ("people at other questions", "asks"),
    "not_looked_at": ("people who do not look", "bad"),
    "deciding": ("people deciding", "person"),
    "elsewhere": ("elsewhere", ""),
    "rework": ("rework", "bad"),
}
"""What a run's time is spent on, by the name of the part: what it is called, and what that means."""

_MOST_CHANGES = 3


def seconds(length: float) -> str:
    """A length of time, short ones with their tenths."""
    return f"{length:.1f} s" if length < 10 else format_duration(length)


def took(one: Times) -> Iterator[str]:
    """How many runs there were and how long they took."""
    yield f"{one.runs:,} {'run' if one.runs == 1 else 'runs'}"
    half, most, slowest = one.took(0.5), one.took(0.9), one.took(0.99)
    if half is not None and most is not None and slowest is not None:
        yield f"half within {seconds(half)}"
        yield f"90 % within {seconds(most)}"
        yield f"99 % within {seconds(slowest)}"
        yield f"half of them no further than {seconds(one.jitter)} from the middle"


def spent(one: Times) -> Iterator[str]:
    """What their time was spent on; less than half a percent is left out."""
    whole = one.spent.whole
    for name, (says, _) in SPENT.items():
        share = float(getattr(one.spent, name)) / whole if whole else 0.0
        if share >= 0.005:
            yield f"{says} {percent(share)}"


def changed(one: Times) -> Iterator[str]:
    """What has surely changed since the stretch before, the most first, each with its interval."""
    sure = {
        name: change for name, change in one.changed.items() if change.sure and max(-change.low, change.high) >= 0.05
    }
    ordered = sorted(sure.items(), key=lambda item: -min(abs(item[1].low), abs(item[1].high)))
    if one.whole is not None and one.whole.sure:
        yield f"{_more(one.whole.low, one.whole.high)} in all"
    for name, change in ordered[:_MOST_CHANGES]:
        yield f"{SPENT[name][0]} {_more(change.low, change.high)}"


def held_up(one: Bottleneck) -> str:
    """What holds the runs up most."""
    return f"{one_line(one.says)} {one_line(one.evidence)}."


def filling(one: Saturation) -> str:
    """When people will be asked more than they can answer."""
    said = f"Questions take {percent(one.load)} of people's time on duty"
    if one.day is None:
        return f"{said}; at this growth that is enough for the next weeks."
    between = f", between {_day(one.earliest)} and {_day(one.latest)}" if one.earliest and one.latest else ""
    return f"{said}; at this growth they are more than people can answer on {_day(one.day)}{between}."


def station(one: Station) -> str:
    """How busy a station is."""
    said = [f"{one.arrivals:.1f} an hour", f"{seconds(one.service)} each", f"{one.at_once:.2f} at once"]
    if one.waiting >= 0.005:
        said.append(f"{one.waiting:.2f} waiting")
    if one.utilisation is not None:
        said.append(f"{percent(one.utilisation)} of their time on duty")
    return ", ".join(said)


def wrong(one: Alert, now: float) -> tuple[str, str]:
    """What is or was wrong: a line, and what more there is to say."""
    lasted = (now if one.ended is None else one.ended) - one.began
    since = f"for {format_duration(max(1.0, lasted))}" + (", over" if one.ended is not None else "")
    more = "; ".join(one_line(part) for part in (one.cause, one.evidence) if part)
    return f"{one_line(one.says)} ({since})", f"{more}. What to do: {one_line(one.way_out)}" if one.way_out else more


def _more(low: float, high: float) -> str:
    word, least, most = ("more", low, high) if low > 0 else ("less", -high, -low)
    return f"{seconds(least)} to {seconds(most)} {word} a run"


def _day(at: float | None) -> str:
    return "never" if at is None else f"{datetime.fromtimestamp(at, UTC):%A %Y-%m-%d}"


def what_if(found: WhatIf) -> Iterator[str]:
    """What came of questions, and what would have come of them."""
    was = f"{found.asked} questions, {found.missed} missed"
    yield f"as it was:     {was}" + (f", 90 % taken within {seconds(found.wait)}" if found.wait is not None else "")
    yield f"played again:  {_played(found.played)}"
    yield f"with a change: {_played(found.changed)}"
    if found.runs:
        yield f"runs took {_lengths(found.runs)}; with the change {_lengths(found.runs_changed)}"
    for names, played in found.enough:
        added = (
            f"with {len(names)} more ({', '.join(f'like {one_line(name)}' for name in names)})" if names else "as it is"
        )
        yield f"  {added}: {_played(played)}"


def _lengths(found: Sequence[float]) -> str:
    half, most = at_most(found, 0.5), at_most(found, 0.9)
    if half is None or most is None:
        return "is not known"
    return f"half within {seconds(half)}, 90 % within {seconds(most)}"


def end_row(one: End) -> tuple[str, ...]:
    """When an open run ends, as cells of a table."""
    if one.range is None:
        return one.run, one.agent, day_time(one.began), "", "too little is known"
    between = f"{day_time(one.began + one.range.low)} and {day_time(one.began + one.range.high)}"
    return one.run, one.agent, day_time(one.began), day_time(one.began + one.range.middle), between


def plan_rows(found: PlanTimes) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The steps of a plan as cells of a table, and whether the plan takes so long because of them."""
    for name, one in found.schedule.steps.items():
        latest = "" if one.latest_end is None else seconds(one.latest_end)
        slack = "" if one.slack is None else seconds(one.slack) if one.slack >= 0 else f"late by {seconds(-one.slack)}"
        yield (name, seconds(one.begins), seconds(one.ends), latest, slack), one.critical


def plan_end(found: PlanTimes) -> str:
    """How long a plan takes."""
    said = f"{seconds(found.schedule.length)} in all, because of {', '.join(found.schedule.critical)}"
    if found.range is not None:
        said += f"; 9 times in 10 between {seconds(found.range.low)} and {seconds(found.range.high)}"
    if found.in_time is not None:
        said += f"; in time {percent(found.in_time)} of the times"
    return f"{said}."


def _played(one: Played) -> str:
    most, busy = one.wait(0.9), max(one.busy.values(), default=0.0)
    taken = f", 90 % taken within {seconds(most)}" if most is not None else ""
    left = f", {one.left} left" if one.left else ""
    return f"{one.asked} questions, {one.missed} missed{taken}{left}, the busiest {percent(busy)} at questions"
