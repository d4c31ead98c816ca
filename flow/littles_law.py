"""Little's law, held against the log: what is open on average is what comes in times how long it stays. No I/O.

The left side is counted from the events alone, the right side from what reviews and decisions say of themselves. Where
they differ by more than what was open at the ends of the window explains, the log and the rows do not say the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from baton.flow.staff import Interval


@dataclass(frozen=True, kw_only=True)
class LittlesLaw:
    """The three averages over a window of time.

    Attributes:
        open: How many questions were open, on average over the time.
        arrivals: How many came in a second.
        wait: How many seconds those that were closed had been open.
    """

    open: float
    arrivals: float
    wait: float

    @property
    def gap(self) -> float:
        """How far the sides are apart, as a share of the greater; 0 where nothing was open."""
        sides = self.open, self.arrivals * self.wait
        return (max(sides) - min(sides)) / max(sides) if max(sides) > 0 else 0.0


def littles_law(logged: Iterable[Interval], waits: Sequence[float], start: float, end: float) -> LittlesLaw:
    """Hold the law against a window.

    Args:
        logged: When questions were opened and closed, as the events say; infinity for what is open.
        waits: How long each of those was open that were closed in the window, as the rows say.
        start: The beginning of the window, in seconds since 1970.
        end: Its end, later than its beginning.
    """
    seen = [(opened, closed) for opened, closed in logged if opened < end and closed > start]
    stayed = sum(min(closed, end) - max(opened, start) for opened, closed in seen)
    came = sum(opened >= start for opened, _ in seen)
    length = end - start
    return LittlesLaw(
        open=stayed / length,
        arrivals=came / length,
        wait=sum(waits) / len(waits) if waits else 0.0,
    )
