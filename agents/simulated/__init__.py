"""The simulated model: an OpenAI-compatible endpoint that says it is one, and the minds it thinks with."""

from baton.agents.simulated.faults import CONTENT, TRANSPORT, Fault, Faults
from baton.agents.simulated.minds import Answer, Conversation, Mind, SimulatedCall
from baton.agents.simulated.registry import MINDS, find_mind
from baton.agents.simulated.scripted import Round, ScriptedMind
from baton.agents.simulated.server import SimulatedServer, simulated_app
from baton.agents.simulated.simple import SimpleMind
from baton.agents.simulated.wire import embed

__all__ = [
    "CONTENT",
    "MINDS",
    "TRANSPORT",
    "Answer",
    "Conversation",
    "Fault",
    "Faults",
    "Mind",
    "Round",
    "ScriptedMind",
    "SimpleMind",
    "SimulatedCall",
    "SimulatedServer",
    "embed",
    "find_mind",
    "simulated_app",
]
