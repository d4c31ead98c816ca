"""Keeping a failing dependency from being hammered: a circuit breaker and a budget of retries for each. No I/O.

A breaker opens when calls fail several times in a row: nothing is called until it has cooled down, then one call goes
through to see (Nygard, "Release It!", 2nd ed., chapter 5). The budget bounds retries to a share of the calls, whatever
each caller's own policy says ("Site Reliability Engineering", chapter 21).
"""

from dataclasses import dataclass

from baton.core import format_time

FAILURES = 5
"""Failures in a row that open a breaker."""

COOL_DOWN = 30.0
"""Seconds that a breaker lets nothing through when it opens; each call that then fails doubles them."""

LONGEST_COOL_DOWN = 600.0
"""Most seconds that it lets nothing through."""

PROBE_SECONDS = 3.0
"""Seconds until those look again who find that another call is on its way to see."""

SHARE = 0.2
"""Retries that each first try earns."""

RESERVE = 10.0
"""Most retries that can be saved up, and what there is at the start."""


@dataclass
class Breaker:
    """What is known of one dependency, in this process. Times are seconds since 1970."""

    name: str
    failures: int = 0
    opened_until: float | None = None
    _probed_until: float = 0.0
    _cool_down: float = COOL_DOWN
    _budget: float = RESERVE

    def refuses(self, now: float) -> float | None:
        """Seconds until a call makes sense; None lets this one through, and where it goes to see, it alone."""
        if self.opened_until is None:
            return None
        if now < self.opened_until:
            return self.opened_until - now
        if now < self._probed_until:
            return PROBE_SECONDS
        self._probed_until = now + COOL_DOWN  # until then whoever went to see has come back, or died
        return None

    def why(self) -> str:
        """Why nothing is called, in words."""
        until = format_time(self.opened_until or 0.0)
        return f"not called: {self.name} has failed {self.failures} times in a row, next try at {until}"

    def began(self) -> None:
        """A first try begins; each earns a share of a retry."""
        self._budget = min(RESERVE, self._budget + SHARE)

    def may_retry(self) -> bool:
        """Whether there is budget for one more retry; it is spent."""
        if self._budget < 1.0:
            return False
        self._budget -= 1.0
        return True

    def failed(self, now: float) -> bool:
        """A call failed for now; whether that has opened the breaker."""
        self.failures += 1
        self._probed_until = 0.0
        was_open = self.opened_until is not None
        if self.failures >= FAILURES:
            self.opened_until = now + self._cool_down
            self._cool_down = min(LONGEST_COOL_DOWN, 2 * self._cool_down)
        return self.opened_until is not None and not was_open

    def answered(self) -> bool:
        """A call was answered, with whatever; whether that has closed the breaker."""
        was_open = self.opened_until is not None
        self.failures, self.opened_until, self._probed_until, self._cool_down = 0, None, 0.0, COOL_DOWN
        return was_open


class Breakers:
    """The breakers of one process, by the name of what is called."""

    def __init__(self) -> None:
        self._known: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """The breaker of a dependency."""
        return self._known.setdefault(name, Breaker(name))
