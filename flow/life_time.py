"""Where the time of runs goes: of those that ended in a stretch of time, by agent, beside the stretch before."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from baton.flow.lives import Lives
from baton.flow.spent import Roll, busy, lived
from baton.flow.staff import Staff
from baton.ledger import Transaction, history, lives
from baton.ledger.lives import PARTS, LifeRow, Lived, Spent

MOST_FOLDED = 5_000
"""Runs whose events are folded when the figures are asked for, the newest: those whose lives are not kept yet."""

LEAST = 8
"""Runs in each of two stretches of time below which nothing is said of what has changed."""

_SURE = 1.96
"""Standard errors on either side of a mean within which it lies 19 times in 20."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """How the mean of a figure differs from the stretch before: by `low` to `high` seconds a run, with 95 % certainty.

    After Welch (1947), by the normal distribution.
    """

    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether it is surely more, or surely less."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long runs took, and on what.

    Attributes:
        name: The agent; empty for all.
        runs: How many ended.
        spent: All their time, together.
        waits: How long each took, in seconds, shortest first.
        jitter: How far half of them lie from the median, in seconds.
        before: How many ended in the stretch before.
        whole: How the time of a run has changed; None where too few ended to say.
        changed: The same for each part.
    """

    name: str
    runs: int
    spent: Spent
    waits: Sequence[float]
    jitter: float
    before: int
    whole: Change | None
    changed: dict[str, Change]

    def took(self, share: float) -> float | None:
        """How long this share of them took at most, in seconds; None of none."""
        place = max(0, math.ceil(share * len(self.waits)) - 1)
        return self.waits[place] if self.waits else None


@dataclass(frozen=True, kw_only=True)
class LifeTimes:
    """Where the time goes, of all runs and by agent; `rows` are the runs that it is made of."""

    since: float
    until: float
    all: Times
    agents: Sequence[Times]
    rows: Sequence[LifeRow]


def read_times(tx: Transaction, start: float, end: float, staff: Staff) -> LifeTimes:
    """Where the time went of the runs that ended between two times, beside as long a time before."""
    length = end - start
    rows = read_rows(tx, start - length, end, staff)
    now, before = defaultdict[str, list[LifeRow]](list), defaultdict[str, list[LifeRow]](list)
    for row in rows:
        (now if row[4] >= start else before)[row[0]].append(row)
    everything = [one for some in now.values() for one in some], [one for some in before.values() for one in some]
    agents = [_times(name, now[name], before.get(name, [])) for name in sorted(now)]
    return LifeTimes(since=start, until=end, all=_times("", *everything), agents=agents, rows=everything[0])


def read_rows(tx: Transaction, start: float, end: float, staff: Staff) -> list[LifeRow]:
    """The lives of the runs that ended between two times: those that are kept, and the others from their events."""
    return [*lives.between(tx, start, end), *_unkept(tx, start, end, staff)]


def fold(tx: Transaction, ids: Sequence[str], staff: Staff) -> list[Lived]:
    """The lives of some runs, folded from their events; those that have not ended are left out."""
    if not ids:
        return []
    folded = Lives()
    origins = history.origins(tx, ids)
    folded.take(history.of_runs(tx, ids, _ALL), {id: (one.tenant, one.requester) for id, one in origins.items()})
    claims = busy(folded.traffic.claimed, folded.lives.values())
    first = min((life.began for life in folded.lives.values()), default=0) / 2**20
    roll = Roll(staff, claims, first, tx.now)
    return [
        lived(life, origins[id].tenant if id in origins else "local", roll)
        for id, life in folded.lives.items()
        if life.ended
    ]


_ALL = (2**62, 2**62)


def _unkept(tx: Transaction, start: float, end: float, staff: Staff) -> list[LifeRow]:
    found = fold(tx, lives.not_kept(tx, start, MOST_FOLDED), staff)
    return [
        (one.agent, one.tenant, one.outcome, one.began, one.ended, *one.spent.all) for one in found if one.ended < end
    ]


def _times(name: str, now: Sequence[LifeRow], before: Sequence[LifeRow]) -> Times:
    sums: list[float] = [math.fsum(row[5 + place] for row in now) for place in range(len(PARTS))]
    waits = sorted(row[4] - row[3] for row in now)
    enough = min(len(now), len(before)) >= LEAST
    changed = (
        {
            part: _change([row[5 + place] for row in now], [row[5 + place] for row in before])
            for place, part in enumerate(PARTS)
        }
        if enough
        else {}
    )
    median = waits[(len(waits) - 1) // 2] if waits else 0.0
    off = sorted(abs(wait - median) for wait in waits)
    return Times(
        name=name,
        runs=len(now),
        spent=Spent(**dict(zip(PARTS, sums, strict=True))),
        waits=waits,
        jitter=off[(len(off) - 1) // 2] if off else 0.0,
        before=len(before),
        whole=_change(waits, [row[4] - row[3] for row in before]) if enough else None,
        changed=changed,
    )


def _change(now: Sequence[float], before: Sequence[float]) -> Change:
    (mean, error), (other, before_error) = _mean(now), _mean(before)
    margin = _SURE * math.sqrt(error + before_error)
    return Change(low=mean - other - margin, high=mean - other + margin)


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the variance of it."""
    count = len(values)
    mean = math.fsum(values) / count
    return mean, math.fsum((value - mean) ** 2 for value in values) / max(1, count - 1) / count
