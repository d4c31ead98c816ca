"""Tools of MCP servers, pinned: what a server offers reaches an agent only as somebody has looked at it."""

from baton.agents.mcp.pinning import Change, look, pin_tools
from baton.agents.mcp.pins import Pin, read_pins
from baton.agents.mcp.places import McpServer
from baton.agents.mcp.tools import McpTool, mcp_tools

__all__ = ["Change", "McpServer", "McpTool", "Pin", "look", "mcp_tools", "pin_tools", "read_pins"]
