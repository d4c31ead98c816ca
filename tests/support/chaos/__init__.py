"""Chaos: a plot with every kind of write, a world that remembers what was done to it, and ways to die in the middle."""

from support.chaos.places import Place
from support.chaos.plot import Prompter
from support.chaos.storm import Storm, storm
from support.chaos.theatre import Case, Theatre, double_kills, every_place, play_all
from support.chaos.verdict import Verdict, table
from support.chaos.world import Deed, World

__all__ = [
    "Case",
    "Deed",
    "Place",
    "Prompter",
    "Storm",
    "Theatre",
    "Verdict",
    "World",
    "double_kills",
    "every_place",
    "play_all",
    "storm",
    "table",
]
