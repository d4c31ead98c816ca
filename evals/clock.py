"""Simulated time: the machine's clock that jumps over the days in which nobody does anything."""

from baton.core import Clock, SystemClock


class JumpClock:
    """Runs as the machine's clock does, ahead of or behind it; and jumps forward when it is told to."""

    def __init__(self, start: float, base: Clock | None = None) -> None:
        """`start` is what it shows now, in seconds since 1970."""
        self._base = base or SystemClock()
        self._ahead = start - self._base.now()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._base.now() + self._ahead

    def jump(self, to: float) -> None:
        """Show a later time; an earlier one changes nothing, as a clock that goes back would break leases."""
        self._ahead += max(0.0, to - self.now())
