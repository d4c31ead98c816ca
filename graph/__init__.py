"""How work flows: the state graph, the worker's hold, the saver, and the engine."""

from baton.graph.advance import Advancer
from baton.graph.dispatcher import Dispatcher
from baton.graph.engine import Engine, engine_of
from baton.graph.forking import fork
from baton.graph.hold import Hold
from baton.graph.judging import Record, judge
from baton.graph.loop import build
from baton.graph.move import Office
from baton.graph.past import Past
from baton.graph.past import load as load_past
from baton.graph.replaying import Done, Replay, Turn, replay
from baton.graph.saver import LedgerSaver
from baton.graph.team import Member, Team
from baton.graph.undoing import compensate

__all__ = [
    "Advancer",
    "Dispatcher",
    "Done",
    "Engine",
    "Hold",
    "LedgerSaver",
    "Member",
    "Office",
    "Past",
    "Record",
    "Replay",
    "Team",
    "Turn",
    "build",
    "compensate",
    "engine_of",
    "fork",
    "judge",
    "load_past",
    "replay",
]
