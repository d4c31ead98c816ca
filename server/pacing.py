"""How often somebody may ask: a runaway client of one account takes no time from the others'."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from baton.core import TooManyRequests

_KNOWN = 10_000  # people whose pace is remembered; whoever has not asked for longest is forgotten first


@dataclass
class Pace:
    """Lets each account ask so often, in this process.

    Attributes:
        a_second: Requests that it may make in the long run; 0 is any number.
        at_once: Requests that it may make before that counts.
        clock: Seconds that only rise.
    """

    a_second: float = 50.0
    at_once: int = 1000
    clock: Callable[[], float] = time.monotonic
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict[str, tuple[float, float]])

    def ask(self, person: str) -> None:
        """Count a request of somebody's.

        Raises:
            TooManyRequests: if they ask too often; says when to ask again.
        """
        if self.a_second <= 0:
            return
        now = self.clock()
        left, at = self._left.pop(person, (float(self.at_once), now))
        left = min(float(self.at_once), left + (now - at) * self.a_second)
        self._left[person] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _KNOWN:
            self._left.popitem(last=False)
        if left < 1:
            raise TooManyRequests(person, self.a_second, (1 - left) / self.a_second)
