"""Agents as LangGraph's assistants, and what the server is."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from baton.agents import Agent
from baton.core import NotFound
from baton.server.callers import Viewer, baton_of
from baton.server.langgraph_api.asked import AssistantSearch
from baton.server.langgraph_api.route import LangGraphRoute

router = APIRouter(tags=["langgraph"], route_class=LangGraphRoute)

_NEVER = "1970-01-01T00:00:00+00:00"
_MADE_BY = {"created_by": "system"}
_NODES = ("__start__", "think", "act", "__end__")
_EDGES = (("__start__", "think"), ("think", "act"), ("act", "think"), ("think", "__end__"), ("act", "__end__"))

_MESSAGES = {
    "title": "Messages",
    "type": "object",
    "properties": {"messages": {"type": "array", "items": {"type": "object"}}},
    "required": ["messages"],
}


@router.get("/ok")
async def ok() -> dict[str, bool]:
    """That the process answers."""
    return {"ok": True}


@router.get("/info")
async def info() -> dict[str, Any]:
    """What the server is."""
    return {"version": version("baton"), "flags": {"assistants": True, "crons": False, "langsmith": False}}


@router.post("/assistants/search")
async def search(said: AssistantSearch, request: Request, caller: Viewer) -> list[dict[str, Any]]:
    """The agents of the project, in the project's order unless another one is asked for."""
    found = [_assistant(agent) for agent in baton_of(request).agents.values()]
    fits = [
        one
        for one in found
        if said.graph_id in (None, one["graph_id"])
        and (said.name is None or said.name.lower() in one["name"].lower())
        and said.metadata.items() <= _MADE_BY.items()
    ]
    fits.sort(key=lambda one: str(one[said.sort_by]), reverse=said.sort_order == "desc")
    return fits[said.offset : said.offset + said.limit]


@router.get("/assistants/{assistant_id}")
async def get(assistant_id: str, request: Request, caller: Viewer) -> dict[str, Any]:
    """An agent."""
    return _assistant(_agent(request, assistant_id))


@router.get("/assistants/{assistant_id}/graph")
async def graph(
    assistant_id: str, request: Request, caller: Viewer, xray: Annotated[bool | int, Query()] = False
) -> dict[str, Any]:
    """The graph of an agent: it thinks, and acts; there is nothing within its nodes."""
    _agent(request, assistant_id)
    nodes = [{"id": name, "type": "runnable", "data": {"id": [name], "name": name}} for name in _NODES]
    return {"nodes": nodes, "edges": [_edge(*ends) for ends in _EDGES]}


@router.get("/assistants/{assistant_id}/schemas")
async def schemas(assistant_id: str, request: Request, caller: Viewer) -> dict[str, Any]:
    """What goes into an agent and comes out of it: messages."""
    name = _agent(request, assistant_id).name
    same = dict.fromkeys(("input_schema", "output_schema", "state_schema"), _MESSAGES)
    return {"graph_id": name, **same, "config_schema": {}, "context_schema": {}}


def _agent(request: Request, name: str) -> Agent:
    agents = baton_of(request).agents
    if name not in agents:
        raise NotFound("assistant", name, agents)
    return agents[name]


def _assistant(agent: Agent) -> dict[str, Any]:
    return {
        "assistant_id": agent.name,
        "graph_id": agent.name,
        "name": agent.name,
        "description": agent.description or None,
        "config": {},
        "context": {},
        "metadata": _MADE_BY,
        "version": 1,
        "created_at": _NEVER,
        "updated_at": _NEVER,
    }


def _edge(source: str, target: str) -> dict[str, Any]:
    ways: Sequence[str] = [end for start, end in _EDGES if start == source]
    return {"source": source, "target": target, "conditional": len(ways) > 1}
