"""How it goes: stuck work, and what waiting consists of. Reads the record only."""

from baton.flow.staff import Anybody, Interval, Staff
from baton.flow.stuck import Stuck, stuck
from baton.flow.waiting import FREE, NEVER, Graph, Node, Wait, all_of, any_of, movable, some_of
from baton.flow.work import graph_of, stuck_work

__all__ = [
    "FREE",
    "NEVER",
    "Anybody",
    "Graph",
    "Interval",
    "Node",
    "Staff",
    "Stuck",
    "Wait",
    "all_of",
    "any_of",
    "graph_of",
    "movable",
    "some_of",
    "stuck",
    "stuck_work",
]
