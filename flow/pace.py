"""How fast it goes: what ended in each stretch of time, and how much was open at its edges. Counted back from now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton.ledger import Transaction, rates, reviews
from baton.ledger.rates import Busy, Grid, OpenRuns

NEWEST = 1000
"""Runs, the newest, of which is told what they took."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What came, went and was open in stretches of time.

    Attributes:
        ended: How many runs ended in each, by how they ended.
        work: How many had not ended at each edge, one more than there are stretches; the last is now.
        asked: How many questions were opened in each.
        answered: How many were closed in each, by whatever.
        depth: How many were open at each edge.
        open: What has not ended, by agent.
        busy: What the newest runs took, by agent; of those that were submitted in the grid.
    """

    grid: Grid
    now: float
    ended: Mapping[str, Sequence[int]]
    work: Sequence[int]
    asked: Sequence[int]
    answered: Sequence[int]
    depth: Sequence[int]
    open: Sequence[OpenRuns]
    busy: Sequence[Busy]

    @property
    def edges(self) -> list[float]:
        """Where stretches begin, and now, in seconds since 1970."""
        return [*(self.grid.start + self.grid.step * number for number in range(self.grid.count)), self.now]


def grid_until(now: float, step: float, count: int) -> Grid:
    """So many stretches, at round times, of which `now` lies in the last."""
    return Grid(start=(now // step + 1 - count) * step, step=step, count=count)


def read_pace(tx: Transaction, grid: Grid) -> Pace:
    """How fast it went in these stretches; the last is the one that it is now."""
    ended = rates.ended(tx, grid)
    asked, answered = rates.asked(tx, grid), rates.closed(tx, grid)
    left = rates.open_runs(tx)
    gone = [sum(counts) for counts in zip(*ended.values(), strict=True)] or [0] * grid.count
    return Pace(
        grid=grid,
        now=tx.now,
        ended=ended,
        work=levels(sum(one.all for one in left), rates.begun(tx, grid), gone),
        asked=asked,
        answered=answered,
        depth=levels(reviews.count_waiting(tx), asked, answered),
        open=left,
        busy=rates.busy(tx, grid.start, NEWEST),
    )


def levels(now: int, came: Sequence[int], went: Sequence[int]) -> list[int]:
    """How many there were at each edge, from what there is now, what came and what went."""
    found = [now]
    for more, less in zip(reversed(came), reversed(went), strict=True):
        found.append(found[-1] - more + less)
    return found[::-1]
