"""Who acts: agents, tools, the model client, and the simulated model."""

from baton.agents.agent import SKILL, Agent, Composition, meant
from baton.agents.breakers import Breaker, Breakers
from baton.agents.builtin import BUILTINS
from baton.agents.client import OpenAIModel
from baton.agents.embedding import OpenAIEmbedder
from baton.agents.fallback import FallbackModel
from baton.agents.mcp import McpServer, McpTool, mcp_tools, pin_tools
from baton.agents.observed import ObservedModel
from baton.agents.opinions import opinions
from baton.agents.previews import previewed
from baton.agents.proposing import ParsedCall, offer, parse
from baton.agents.simulated import MINDS, Mind, SimpleMind, SimulatedServer, find_mind
from baton.agents.source import Endpoint, embedder_of, endpoint, open_model
from baton.agents.tool import Tool, as_spec, tool, upcast

__all__ = [
    "BUILTINS",
    "MINDS",
    "SKILL",
    "Agent",
    "Breaker",
    "Breakers",
    "Composition",
    "Endpoint",
    "FallbackModel",
    "McpServer",
    "McpTool",
    "Mind",
    "ObservedModel",
    "OpenAIEmbedder",
    "OpenAIModel",
    "ParsedCall",
    "SimpleMind",
    "SimulatedServer",
    "Tool",
    "as_spec",
    "embedder_of",
    "endpoint",
    "find_mind",
    "mcp_tools",
    "meant",
    "offer",
    "open_model",
    "opinions",
    "parse",
    "pin_tools",
    "previewed",
    "tool",
    "upcast",
]
