"""Baton's discipline, as the simulation `queue_sim.py` calls it."""

from collections.abc import Sequence
from typing import Any

from baton.review.discipline import Turn, urgent_first

_MINUTE = 60.0


def choose(now: float, _reviewer: Any, waiting: Sequence[Any]) -> Any:
    """The item that Baton takes next; the simulation's times are minutes."""
    turns = [
        Turn(id=str(place), due=item.deadline * _MINUTE, cost=item.weight, work=item.expected_work * _MINUTE)
        for place, item in enumerate(waiting)
    ]
    return waiting[int(urgent_first(now * _MINUTE, turns).id)]
