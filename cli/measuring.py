"""`baton review measures`: how reviews go, by class and by person."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import format_duration, parse_duration
from baton.core.texts import one_line, percent
from baton.flow import Figures, LittlesLaw, Parts, read_measures, staff_of
from baton.flow.record import measures_json

MANY = 30
"""Closed reviews from which on Little's law is told: with fewer, what is open at the window's ends says it all."""

_PARTS = {
    "off_duty": "off duty",
    "queueing": "queueing",
    "not_looked_at": "not looked at",
    "thinking": "thinking",
    "delivery": "delivery",
}

_EFFECTS = {"none": "not begun", "claimed": "under way", "postponed": "under way", "doubt": "in doubt"}


async def measures(*, since: str = "30d", common: Common = DEFAULTS) -> None:
    """Say what waiting for people consists of, what was missed, how far people agree, and what came of it.

    Args:
        since: How far back, such as 7d: reviews that were closed since then count, and those that are open.
        common: Options of every command.
    """
    back = parse_duration(since).total_seconds()
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: read_measures(tx, tx.now - back, staff_of(tx)))
    screen.document(measures_json(found))
    if not found.classes and not found.people:
        screen.show(f"No review was open or closed in the last {format_duration(back)}.")
        return
    for about, figures in (("class", found.classes), ("person", found.people)):
        for number, one in enumerate(figures):
            if not number:
                screen.show(Text(f"by {about}", style="bold"))
            screen.show(*_lines(one), "")
    if sum(one.closed for one in found.classes) >= MANY:
        screen.show(Text(_law(found.law), style="dim"))


def _lines(one: Figures) -> Iterator[Text]:
    """A class, or a person, on a few lines."""
    yield Text.assemble((one_line(one.name), "bold cyan"), f"  {_joined(_counts(one))}")
    if one.parts.whole:
        yield Text(f"    {_joined(_shares(one.parts))}")
    if judged := _joined(_judged(one)):
        yield Text(f"    {judged}")


def _joined(said: Iterable[str]) -> str:
    return ", ".join(said)


def _counts(one: Figures) -> Iterator[str]:
    closed = {"answered": one.answered, "open": one.waiting, "expired": one.expired, "withdrawn": one.withdrawn}
    yield from (f"{count} {name}" for name, count in closed.items() if count or name == "answered")
    median, most = one.wait(0.5), one.wait(0.9)
    if median is not None and most is not None:
        yield f"half within {format_duration(median)}"
        yield f"90 % within {format_duration(most)}"
    if one.avoidable or one.unavoidable:
        yield f"missed: {one.avoidable} avoidable, {one.unavoidable} not"


def _shares(parts: Parts) -> Iterator[str]:
    shares = {says: getattr(parts, name) / parts.whole for name, says in _PARTS.items()}
    yield from (f"{says} {percent(share)}" for says, share in shares.items() if share >= 0.005)


def _judged(one: Figures) -> Iterator[str]:
    shares = {"as proposed": one.as_proposed, "people agree": one.agreed, "too fast to be read": one.too_fast}
    yield from (f"{says}: {share.count} of {share.of}" for says, share in shares.items() if share.of)
    named = Counter[str]()
    for state, count in one.effects.items():
        named[_EFFECTS.get(state, state)] += count
    yield from (f"{count} {said}" for said, count in named.items())


def _law(law: LittlesLaw) -> str:
    came = law.arrivals * 3600.0
    return (
        f"{law.open:.2f} open on average, {came:.2f} an hour for {format_duration(law.wait)} each: "
        f"{percent(law.gap, 1)} apart (Little's law)"
    )
