"""The pages of agents and their policies. They only show; what is accepted or declined goes through the API."""

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core import NotFound, Role
from baton.ledger import rule_proposals
from baton.server.callers import AllViewer, Caller, baton_of
from baton.server.pages.agents import about, cards, examine, on_record, tools
from baton.server.pages.look import around, page
from baton.server.shapes import Name

router = APIRouter(include_in_schema=False)


@router.get("/agents")
async def list_page(request: Request, caller: AllViewer) -> HTMLResponse:
    """The agents of this server."""
    house, baton = await around(request), baton_of(request)
    agents = list(baton.agents.values())
    found = await baton.ledger.read(lambda tx: (cards(tx, agents, baton.policies), rule_proposals.listed(tx)))
    others = [one for one in found[1] if one.agent not in baton.agents]
    return page(request, "agents.html", caller, **house, agents=found[0], others=others)


@router.get("/agents/{name}")
async def agent_page(name: Name, request: Request, caller: AllViewer) -> HTMLResponse:
    """What an agent may do, and what is known of that."""
    house = await around(request)
    return page(request, "agent.html", caller, **house, **await _shown(request, caller, name))


@router.get("/parts/agents/{name}")
async def agent_part(name: Name, request: Request, caller: AllViewer) -> HTMLResponse:
    """The same, as it is now."""
    return page(request, "parts/agent.html", caller, **await _shown(request, caller, name))


async def _shown(request: Request, caller: Caller, name: str) -> dict[str, Any]:
    baton = baton_of(request)
    agent = baton.agents.get(name)
    if agent is None:
        raise NotFound("agent", name, baton.agents)
    policy = baton.policies[name]
    known = await baton.ledger.read(lambda tx: on_record(tx, agent))
    return {
        "agent": agent,
        "about": about(agent, policy),
        "tools": tools(agent, policy),
        "record": known,
        "examined": await asyncio.to_thread(examine, agent, policy, baton.windows),
        "may_accept": caller.role >= Role.OWNER and not caller.agent,
    }
