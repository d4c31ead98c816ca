"""The queues that runs go through: how much comes, how busy whoever serves is, and which of them holds the runs up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton.core import format_duration
from baton.core.texts import percent
from baton.flow.life_time import LifeTimes
from baton.flow.pace import Pace
from baton.ledger.lives import Spent
from baton.ledger.rates import Served

LEAST_SHARE = 0.2
"""The share of the time of runs from which on a part of it is called what holds them up."""

LEAST_SECONDS = 5.0
"""Nothing holds runs up that takes less of each."""


@dataclass(frozen=True, kw_only=True)
class Station:
    """What runs are served by.

    Attributes:
        kind: `workers`, `people`, `model` or `tool`.
        name: Of the model or tool; else the kind.
        arrivals: How many came in an hour.
        service: Seconds that serving one took.
        at_once: How many were served at once, on average.
        waiting: How many waited at once, on average, by Little's law: what came times how long it waited.
        utilisation: The share of the time of those who serve in which they did; None where that is not known.
    """

    kind: str
    name: str
    arrivals: float
    service: float
    at_once: float
    waiting: float
    utilisation: float | None


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """What holds the runs up most, and what shows it.

    Attributes:
        part: The part of their time; see `Spent`.
        share: How much of it.
    """

    part: str
    share: float
    says: str
    evidence: str
    way_out: str


def stations(
    times: LifeTimes,
    pace: Pace,
    models: Sequence[Served],
    tools: Sequence[Served],
    *,
    on_duty: float | None,
    at_questions: float,
) -> list[Station]:
    """Every station.

    Args:
        times: Where the time of the runs went that ended.
        pace: What came and went in the same time.
        models: What models were asked.
        tools: What tools were called for.
        on_duty: Seconds in which people were on duty, all together; None where nobody has said when they are.
        at_questions: Seconds of these in which they were at questions.
    """
    length = max(1.0, times.until - times.since)
    spent, asked = times.all.spent, max(1, sum(pace.asked))
    each_hour = 3600.0 / length
    waited = spent.off_duty + spent.in_line + spent.not_looked_at
    found = [
        Station(
            kind="workers",
            name="workers",
            arrivals=times.all.runs * each_hour,
            service=(spent.thinking + spent.tools) / max(1, times.all.runs),
            at_once=(spent.thinking + spent.tools) / length,
            waiting=spent.queueing / length,
            utilisation=None,
        ),
        Station(
            kind="people",
            name="people",
            arrivals=sum(pace.asked) * each_hour,
            service=spent.deciding / asked,
            at_once=spent.deciding / length,
            waiting=waited / length,
            utilisation=at_questions / on_duty if on_duty else None,
        ),
    ]
    for kind, served in (("model", models), ("tool", tools)):
        found += [
            Station(
                kind=kind,
                name=one.name,
                arrivals=one.calls * each_hour,
                service=one.seconds / max(1, one.calls),
                at_once=one.seconds / length,
                waiting=0.0,
                utilisation=None,
            )
            for one in served
        ]
    return found


def bottleneck(times: LifeTimes, found: Sequence[Station]) -> Bottleneck | None:
    """What holds the runs up most; None where no part of their time stands out, or there were none."""
    spent = times.all.spent
    whole = spent.whole - spent.elsewhere
    if not times.all.runs or whole <= 0:
        return None
    part = max(_TELL, key=lambda name: float(getattr(spent, name)))
    lost = float(getattr(spent, part))
    share = lost / whole
    if share < LEAST_SHARE or lost < LEAST_SECONDS * times.all.runs:
        return None
    says, way_out = _TELL[part]
    slowest = max((one for one in found if one.kind == _KINDS.get(part)), key=lambda one: one.at_once, default=None)
    named = slowest.name if slowest is not None and slowest.kind in ("model", "tool") else ""
    return Bottleneck(
        part=part,
        share=share,
        says=says.format(name=named),
        evidence=_evidence(part, share, spent, times, slowest),
        way_out=way_out.format(name=named),
    )


def _evidence(part: str, share: float, spent: Spent, times: LifeTimes, station: Station | None) -> str:
    each = format_duration(max(1.0, float(getattr(spent, part)) / times.all.runs))
    told = [f"{percent(share)} of the time of {times.all.runs:,} runs, {each} each"]
    change = times.all.changed.get(part)
    if change is not None and change.sure:
        more = "more" if change.low > 0 else "less"
        low, high = sorted((abs(change.low), abs(change.high)))
        told.append(f"{_seconds(low)} to {_seconds(high)} {more} a run than before")
    if station is not None and station.utilisation is not None:
        told.append(f"people are at questions {percent(station.utilisation)} of their time on duty")
    if station is not None and station.kind in ("model", "tool"):
        told.append(f"{station.at_once:.1f} at once, {_seconds(station.service)} each")
    return "; ".join(told)


def _seconds(length: float) -> str:
    return f"{length:.1f} s" if length < 10 else format_duration(length)


_KINDS: Mapping[str, str] = {
    "queueing": "workers",
    "thinking": "model",
    "tools": "tool",
    "off_duty": "people",
    "in_line": "people",
    "not_looked_at": "people",
    "deciding": "people",
}
_TELL: Mapping[str, tuple[str, str]] = {
    "queueing": ("Runs wait for workers.", "start another worker, or raise its concurrency"),
    "thinking": ("Models hold the runs up, {name} most.", "name a faster model, or give agents fewer turns"),
    "tools": ("Tools hold the runs up, {name} most.", "look at what {name} calls"),
    "transmission": (
        "Decisions are held back for long, or Baton's own steps take long.",
        "hold decisions back for less; look at the database and at the load of the machine",
    ),
    "off_duty": ("Runs wait for people who are not on duty.", "other hours or a stand-in: baton flow whatif"),
    "in_line": (
        "Runs wait for people who are at other questions.",
        "more people, or fewer questions: baton flow whatif",
    ),
    "not_looked_at": ("People are there and do not look.", "tell them: notices by webhook or mail"),
    "deciding": ("People take long to decide.", "say more in a question: prepares, preview"),
    "rework": ("What fails and is done again holds the runs up.", "baton runs dead; see what fails"),
}
"""What each part means, where it is most of the time, and what helps."""
