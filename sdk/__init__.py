"""Durable orchestration for agents and people who work at different times.

The names of the SDK, loaded when they are first used, so that the command line starts fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baton.agents import Agent, McpServer, McpTool, mcp_tools, pin_tools, tool
    from baton.agents.shipped import file_tools, http_tools, mail_tools
    from baton.app import Baton
    from baton.core import (
        Adaptive,
        Attachment,
        BatonError,
        Budget,
        Contract,
        Fault,
        Goal,
        Price,
        Prices,
        Resource,
        Rest,
        Retries,
        TryAgain,
        secret,
        variable,
    )
    from baton.graph.patterns import Workflow
    from baton.handles import Result, RunHandle
    from baton.people import load_people
    from baton.project import Project, load_project
    from baton.review import Answer

__all__ = [
    "Adaptive",
    "Agent",
    "Answer",
    "Attachment",
    "Baton",
    "BatonError",
    "Budget",
    "Contract",
    "Fault",
    "Goal",
    "McpServer",
    "McpTool",
    "Price",
    "Prices",
    "Project",
    "Resource",
    "Rest",
    "Result",
    "Retries",
    "RunHandle",
    "TryAgain",
    "Workflow",
    "file_tools",
    "http_tools",
    "load_people",
    "load_project",
    "mail_tools",
    "mcp_tools",
    "pin_tools",
    "secret",
    "tool",
    "variable",
]

_HOMES = {
    "Agent": "baton.agents",
    "Answer": "baton.review",
    "Attachment": "baton.core",
    "Baton": "baton.app",
    "BatonError": "baton.core",
    "Budget": "baton.core",
    "Contract": "baton.core",
    "Fault": "baton.core",
    "Goal": "baton.core",
    "McpServer": "baton.agents",
    "Adaptive": "baton.core",
    "McpTool": "baton.agents",
    "Price": "baton.core",
    "Prices": "baton.core",
    "Resource": "baton.core",
    "Project": "baton.project",
    "Rest": "baton.core",
    "Result": "baton.handles",
    "Retries": "baton.core",
    "RunHandle": "baton.handles",
    "TryAgain": "baton.core",
    "Workflow": "baton.graph.patterns",
    "file_tools": "baton.agents.shipped",
    "http_tools": "baton.agents.shipped",
    "load_people": "baton.people",
    "load_project": "baton.project",
    "mail_tools": "baton.agents.shipped",
    "mcp_tools": "baton.agents",
    "pin_tools": "baton.agents",
    "secret": "baton.core",
    "tool": "baton.agents",
    "variable": "baton.core",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'baton' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
