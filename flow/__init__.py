"""How it goes: where time goes, what is wrong and why, stuck work. Reads the record, and keeps what it makes of it."""

from baton.flow.answers import Share
from baton.flow.figures import Figures, Measures
from baton.flow.keeping import Identity, Keeper, Tell
from baton.flow.life_time import Change, LifeTimes, Times, read_times
from baton.flow.littles_law import LittlesLaw, littles_law
from baton.flow.measures import measure, read_measures
from baton.flow.pace import Pace, grid_until, levels, read_pace
from baton.flow.parts import Parts, Presence, presence, split
from baton.flow.rules import Alarms, Quiet, Rule
from baton.flow.staff import Anybody, Interval, Rostered, Staff, staff_of
from baton.flow.stuck import Stuck, heads, stuck
from baton.flow.use import Use, use_of_time
from baton.flow.waiting import FREE, NEVER, Graph, Node, Wait, all_of, any_of, movable, some_of
from baton.flow.work import graph_of, stuck_work

__all__ = [
    "FREE",
    "NEVER",
    "Alarms",
    "Anybody",
    "Change",
    "Figures",
    "Graph",
    "Identity",
    "Interval",
    "Keeper",
    "LifeTimes",
    "LittlesLaw",
    "Measures",
    "Node",
    "Pace",
    "Parts",
    "Presence",
    "Quiet",
    "Rostered",
    "Rule",
    "Share",
    "Staff",
    "Stuck",
    "Tell",
    "Times",
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
    "read_times",
    "some_of",
    "split",
    "staff_of",
    "stuck",
    "stuck_work",
    "use_of_time",
]
