"""Workflow patterns: parts that are composed to workflows."""

from baton.graph.patterns.beside import Discriminator, FirstOf, Milestone, On, Parallel, Race
from baton.graph.patterns.entries import Steps
from baton.graph.patterns.entry_models import WorkflowEntry
from baton.graph.patterns.flows import Choice, Loop, MultiChoice, Sequence, When
from baton.graph.patterns.maps import Map
from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.results import Result
from baton.graph.patterns.sagas import Ladder, Reviewed, Saga, Undoable
from baton.graph.patterns.steps import Call, Compute, Do, Fail, Skip, Stop, Until, Wait
from baton.graph.patterns.walking import At, Start, Walk, name_of
from baton.graph.patterns.workflow import Workflow, team

__all__ = [
    "At",
    "Call",
    "Choice",
    "Compute",
    "Discriminator",
    "Do",
    "Fail",
    "FirstOf",
    "Ladder",
    "Loop",
    "Map",
    "Milestone",
    "MultiChoice",
    "On",
    "Parallel",
    "Pattern",
    "Race",
    "Result",
    "Reviewed",
    "Saga",
    "Sequence",
    "Skip",
    "Start",
    "Steps",
    "Stop",
    "Undoable",
    "Until",
    "Wait",
    "Walk",
    "When",
    "Workflow",
    "WorkflowEntry",
    "name_of",
    "team",
]
