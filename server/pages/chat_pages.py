"""The page of conversations. It only shows; what is said and decided goes through the API."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core import Role
from baton.ledger import Transaction, runs
from baton.server.callers import Caller, Viewer, baton_of
from baton.server.pages.look import SHOWN, around, page
from baton.server.pages.review_pages import may_decide
from baton.server.pages.run_pages import may_steer
from baton.server.pages.talking import conversations, talk
from baton.server.shapes import Id

router = APIRouter(include_in_schema=False)


@router.get("/chat")
async def new_page(request: Request, caller: Viewer) -> HTMLResponse:
    """A new conversation, and the old ones."""
    house = await around(request)
    return page(request, "chat.html", caller, **house, **await _beside(request, caller), talk=None)


@router.get("/chat/{run}")
async def talk_page(run: Id, request: Request, caller: Viewer) -> HTMLResponse:
    """A conversation, or what else an agent was asked for."""
    house = await around(request)
    shown = await _talk(request, caller, run)
    return page(request, "chat.html", caller, **house, **await _beside(request, caller), **shown)


@router.get("/parts/chat/{run}")
async def talk_part(run: Id, request: Request, caller: Viewer) -> HTMLResponse:
    """What was said and done."""
    return page(request, "parts/talk.html", caller, **await _talk(request, caller, run))


async def _beside(request: Request, caller: Caller) -> dict[str, Any]:
    """What stands beside a conversation: other ones, and with whom one can be begun."""
    baton = baton_of(request)
    known = await baton.ledger.read(lambda tx: conversations(tx, caller.person))
    may_ask = caller.role >= Role.REQUESTER and not caller.agent
    return {"conversations": known, "agents": list(baton.agents), "may_ask": may_ask}


async def _talk(request: Request, caller: Caller, id: str) -> dict[str, Any]:
    baton = baton_of(request)

    def read(tx: Transaction) -> dict[str, Any]:
        run = runs.get(tx, runs.find(tx, id))
        agent = baton.agents.get(run.agent)
        shown = talk(tx, run.id, agent.memory if agent is not None else None, baton.prices)
        return {"talk": shown, "now": tx.now, "may_speak": may_steer(tx, run.id, caller)}

    shown = await baton.ledger.read(read)
    return {**shown, "may_decide": may_decide(caller), "most_shown": SHOWN}
