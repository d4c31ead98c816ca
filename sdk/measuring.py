"""How reviews go, in words: counts, what waiting consists of, what answers are like."""

from collections import Counter
from collections.abc import Iterator, Mapping

from baton.core import format_duration
from baton.core.texts import percent
from baton.flow import Figures, LittlesLaw, Parts
from baton.telling import Tone

MANY = 30
"""Closed reviews from which on Little's law is told: with fewer, what is open at the window's ends says it all."""

PARTS: Mapping[str, tuple[str, Tone]] = {
    "off_duty": ("off duty", "quiet"),
    "queueing": ("queueing", "asks"),
    "not_looked_at": ("not looked at", "bad"),
    "thinking": ("thinking", "person"),
    "delivery": ("delivery", "ready"),
}
"""What a wait consists of, by the name of the part: what it is called, and what that means."""

_EFFECTS = {"none": "not begun", "claimed": "under way", "postponed": "under way", "doubt": "in doubt"}


def counts(one: Figures) -> Iterator[str]:
    """How many were answered and how long they took, and what was missed."""
    closed = {"answered": one.answered, "open": one.waiting, "expired": one.expired, "withdrawn": one.withdrawn}
    yield from (f"{count} {name}" for name, count in closed.items() if count or name == "answered")
    median, most = one.wait(0.5), one.wait(0.9)
    if median is not None and most is not None:
        yield f"half within {format_duration(median)}"
        yield f"90 % within {format_duration(most)}"
    if one.avoidable or one.unavoidable:
        yield f"missed: {one.avoidable} avoidable, {one.unavoidable} not"


def shares(parts: Parts) -> Iterator[str]:
    """What waiting consists of; less than half a percent is left out."""
    found = {says: getattr(parts, name) / parts.whole for name, (says, _) in PARTS.items()}
    yield from (f"{says} {percent(share)}" for says, share in found.items() if share >= 0.005)


def judged(one: Figures) -> Iterator[str]:
    """What answers are like, and what came of what was let happen."""
    found = {"as proposed": one.as_proposed, "people agree": one.agreed, "too fast to be read": one.too_fast}
    yield from (f"{says}: {share.count} of {share.of}" for says, share in found.items() if share.of)
    named = Counter[str]()
    for state, count in one.effects.items():
        named[_EFFECTS.get(state, state)] += count
    yield from (f"{count} {said}" for said, count in named.items())


def law(found: LittlesLaw) -> str:
    """Whether the log and the rows say the same."""
    came = found.arrivals * 3600.0
    return (
        f"{found.open:.2f} open on average, {came:.2f} an hour for {format_duration(found.wait)} each: "
        f"{percent(found.gap, 1)} apart (Little's law)"
    )
