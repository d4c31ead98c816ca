"""How often something comes at a time: what was lately, and at that time of other days. No I/O."""

from dataclasses import dataclass, field

BUCKET = 600.0
"""Seconds in which what comes is counted together."""

_DAY = round(86400.0 / BUCKET)
_LATELY = 9
_KNOWN = 6
_DAYS = 7


@dataclass
class Usual:
    """Counts of what came, and what is usual at a time."""

    first: float | None = None
    _counts: dict[int, int] = field(default_factory=dict[int, int])
    _cached: tuple[int, float | None] = (-1, None)

    def take(self, at: float) -> None:
        """Count one."""
        place = int(at // BUCKET)
        if self.first is None:
            self.first = at
        if place not in self._counts:
            self._counts = {one: many for one, many in self._counts.items() if one > place - (_DAYS + 1) * _DAY}
        self._counts[place] = self._counts.get(place, 0) + 1

    def rate(self, at: float) -> float | None:
        """How many a second are usual at a time; None while less than an hour is known."""
        place = int(at // BUCKET)
        if self._cached[0] != place:
            self._cached = (place, self._rate(place))
        return self._cached[1]

    def knows_days(self, at: float) -> bool:
        """Whether a day before is known."""
        return self.first is not None and at - self.first > 86400.0

    def lately(self, now: float) -> float:
        """How many came in a second in the last ten to twenty minutes."""
        place = int(now // BUCKET)
        many = self._counts.get(place, 0) + self._counts.get(place - 1, 0)
        return many / (BUCKET + now - place * BUCKET)

    def _rate(self, place: int) -> float | None:
        if self.first is None or place - int(self.first // BUCKET) < _KNOWN:
            return None
        begun = int(self.first // BUCKET)
        found = [self._mean(max(begun, place - _LATELY), place)]
        for day in range(1, _DAYS + 1):
            middle = place - day * _DAY
            if middle - 3 > begun:
                found.append(self._mean(middle - 3, middle + 4))
        return max(1.0, *found) / BUCKET

    def _mean(self, start: int, end: int) -> float:
        return sum(self._counts.get(one, 0) for one in range(start, end)) / max(1, end - start)
