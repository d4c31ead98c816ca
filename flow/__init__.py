"""How it goes: stuck work, and what waiting consists of. Reads the record only."""

from baton.flow.answers import Share
from baton.flow.figures import Figures, Measures
from baton.flow.littles_law import LittlesLaw, littles_law
from baton.flow.measures import measure, read_measures
from baton.flow.pace import Pace, grid_until, levels, read_pace
from baton.flow.parts import Parts, Presence, presence, split
from baton.flow.staff import Anybody, Interval, Rostered, Staff, staff_of
from baton.flow.stuck import Stuck, heads, stuck
from baton.flow.use import Use, use_of_time
from baton.flow.waiting import FREE, NEVER, Graph, Node, Wait, all_of, any_of, movable, some_of
from baton.flow.work import graph_of, stuck_work

__all__ = [
    "FREE",
    "NEVER",
    "Anybody",
    "Figures",
    "Graph",
    "Interval",
    "LittlesLaw",
    "Measures",
    "Node",
    "Pace",
    "Parts",
    "Presence",
    "Rostered",
    "Share",
    "Staff",
    "Stuck",
    "Use",
    "Wait",
    "all_of",
    "any_of",
    "graph_of",
    "grid_until",
    "heads",
    "levels",
    "littles_law",
    "measure",
    "movable",
    "presence",
    "read_measures",
    "read_pace",
    "some_of",
    "split",
    "staff_of",
    "stuck",
    "stuck_work",
    "use_of_time",
]
