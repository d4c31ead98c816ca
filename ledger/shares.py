"""Fair shares among tenants: whose run is begun next. No I/O.

Start-time fair queueing (Goyal, Vin and Cheng 1996). Each tenant has a tag that grows with what it is served, divided
by its weight; the lowest comes next. Who had nothing to do for a while begins at the tag of what is served now: nothing
is saved up, and a flood from one tenant delays another's run by no more than what is under way.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence

from baton.core import InvalidValue

LATELY = 600.0
"""Seconds for which a tenant that has had something to do is reckoned with."""

_WEIGHED = 0.2


class Shares:
    """What each tenant has been served in this process. Times are seconds by one clock."""

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        """Tenants weigh 1 where nothing is said.

        Raises:
            InvalidValue: if a weight is not above 0.
        """
        self._weights = dict(weights or {})
        for tenant, weight in self._weights.items():
            if not weight > 0:
                raise InvalidValue(f"share of tenant {tenant}", weight, "a number above 0")
        self._now = 0.0
        self._tags: dict[str, float] = {}
        self._costs: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._busy: dict[str, int] = {}

    def next(self, tenants: Iterable[str], slots: int, now: float) -> str | None:
        """Which of the tenants that have something to do is served next; None if each has what it may have.

        While others have come lately, no tenant has the last of the slots: whoever comes finds one free.

        Args:
            tenants: Who has something to do.
            slots: How many runs are at work at once.
            now: The time.
        """
        waiting = list(tenants)
        self._seen = {name: at for name, at in self._seen.items() if now - at < LATELY} | dict.fromkeys(waiting, now)
        most = slots - spare(slots) if len(self._seen) > 1 else slots
        able = [name for name in waiting if self._busy.get(name, 0) < most]
        return min(able, key=lambda name: (self._tag(name), name), default=None)

    def began(self, tenant: str) -> None:
        """A run of a tenant is begun: it is charged what one of its runs costs, about."""
        self._now = max(self._now, self._tag(tenant))
        self._busy[tenant] = self._busy.get(tenant, 0) + 1
        self._charge(tenant, self._cost(tenant))

    def ended(self, tenant: str, seconds: float) -> None:
        """What it was charged is put right once it is known how long it was at work."""
        self._busy[tenant] -= 1
        cost = self._cost(tenant)
        self._charge(tenant, seconds - cost)
        self._costs[tenant] = cost + _WEIGHED * (seconds - cost)

    def weight(self, tenant: str) -> float:
        """How much a tenant weighs."""
        return self._weights.get(tenant, 1.0)

    def _tag(self, tenant: str) -> float:
        return max(self._now, self._tags.get(tenant, 0.0))

    def _charge(self, tenant: str, cost: float) -> None:
        self._tags[tenant] = self._tag(tenant) + cost / self.weight(tenant)

    def _cost(self, tenant: str) -> float:
        return self._costs.get(tenant, 1.0)


def spare(slots: int) -> int:
    """How many slots are kept for whoever else comes: one of eight."""
    return max(1, slots // 8) if slots > 1 else 0


class Places:
    """Places in a queue that others serve, the least first: the same rule, where whoever queues is not who serves.

    Each process gives them by what it has queued itself; two that queue for one tenant get it twice its share.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        """Tenants weigh 1 where nothing is said."""
        self._shares = Shares(weights)
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, first: float | None, wanted: Sequence[tuple[str, int]]) -> list[float]:
        """The places of runs that queue now, in their order.

        Args:
            first: The place that is served now; None where nothing waits.
            wanted: For each its tenant and its priority: with each step above 0 half of those that its tenant has
                waiting are passed.
        """
        with self._lock:
            if first is None:
                self._last.clear()
            return [self._take(tenant, first or 0.0, priority) for tenant, priority in wanted]

    def _take(self, tenant: str, first: float, priority: int) -> float:
        last = max(first, self._last.get(tenant, first))
        self._last[tenant] = last + 1.0 / self._shares.weight(tenant)
        passed: float = 2.0 ** max(0, priority)
        return first + (last - first) / passed + max(0, -priority) * _BEHIND


_BEHIND = 10.0
"""Places that a run steps back for each step of priority below 0."""
