"""The pages of runs. They only show; what people do on them goes through the API."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from baton.contexts import seen
from baton.core import Notes, NotFound, Role, RunId
from baton.ledger import Transaction, notes, runs
from baton.server.callers import Caller, Viewer, baton_of
from baton.server.note_routes import may_write
from baton.server.pages.look import around, page
from baton.server.pages.running import VIEWS, RunPage, action_rows, run_list, run_page
from baton.server.shapes import Id, Name
from baton.story import top

router = APIRouter(include_in_schema=False)

View = Annotated[str, Query(max_length=20)]


@router.get("/runs")
async def list_page(request: Request, caller: Viewer, view: View = "all", agent: Name | None = None) -> HTMLResponse:
    """The newest runs."""
    house = await around(request)
    agents = sorted(baton_of(request).agents)
    shown: dict[str, Any] = {**await _list(request, view, agent, None), "views": VIEWS, "agents": agents}
    return page(request, "runs.html", caller, **house, **shown)


@router.get("/parts/runs")
async def list_part(
    request: Request, caller: Viewer, view: View = "all", agent: Name | None = None, after: Id | None = None
) -> HTMLResponse:
    """A page of the list."""
    return page(request, "parts/run_list.html", caller, **await _list(request, view, agent, after))


@router.get("/runs/{run}")
async def one_page(run: Id, request: Request, caller: Viewer, whole: bool = False) -> HTMLResponse:
    """A run."""
    house = await around(request)
    return page(request, "run.html", caller, **house, **await _shown(request, caller, run, whole=whole))


@router.get("/parts/runs/{run}")
async def one_part(run: Id, request: Request, caller: Viewer, whole: bool = False) -> HTMLResponse:
    """What changes on the page of a run."""
    return page(request, "parts/run.html", caller, **await _shown(request, caller, run, whole=whole))


@router.get("/parts/runs/{run}/actions")
async def actions_part(run: Id, request: Request, caller: Viewer) -> HTMLResponse:
    """The actions of a run, each with verdict, rule and effect."""
    rows, earlier = await baton_of(request).ledger.read(lambda tx: action_rows(tx, run))
    return page(request, "parts/run_actions.html", caller, rows=rows, earlier=earlier)


@router.get("/parts/runs/{run}/context")
async def context_part(run: Id, request: Request, caller: Viewer, turn: int | None = None) -> HTMLResponse:
    """What the model was told in a turn, and what was left out."""
    one = await baton_of(request).ledger.read(lambda tx: seen(tx, runs.find(tx, run), turn))
    return page(request, "parts/run_context.html", caller, seen=one, run=run)


@router.get("/runs/{run}/attachments/{number}")
async def attachment(run: Id, number: int, request: Request, caller: Viewer) -> Response:
    """An attachment as a file, which no browser shows."""

    def read(tx: Transaction) -> str:
        attached = runs.get(tx, runs.find(tx, run)).goal.attachments
        if not 0 <= number < len(attached):
            raise NotFound("attachment", str(number), [str(at) for at in range(len(attached))])
        return attached[number].text

    text = await baton_of(request).ledger.read(read)
    headers = {"content-disposition": f'attachment; filename="attachment-{number}.txt"'}
    return Response(text.encode("utf-8", "replace"), media_type="text/plain; charset=utf-8", headers=headers)


async def _list(request: Request, view: str, agent: str | None, after: str | None) -> dict[str, Any]:
    def read(tx: Transaction) -> dict[str, Any]:
        return {"listed": run_list(tx, view, agent, after), "now": tx.now}

    shown = await baton_of(request).ledger.read(read)
    return {**shown, "view": view, "agent": agent, "first": after is None}


async def _shown(request: Request, caller: Caller, id: str, *, whole: bool) -> dict[str, Any]:
    baton = baton_of(request)
    tools = {name: agent.specs for name, agent in baton.agents.items()}

    def read(tx: Transaction) -> tuple[RunPage, bool, Notes]:
        found = run_page(tx, id, tools, baton.prices, whole=whole)
        return found, may_steer(tx, found.run.id, caller), notes.at_version(tx, found.run.id)

    shown, steers, noted = await baton.ledger.read(read)
    return {
        "shown": shown,
        "may_steer": steers,
        "whole": whole,
        "notes": noted,
        "may_note": steers or may_write(caller),
        "now": shown.now,
    }


def may_steer(tx: Transaction, run: RunId, caller: Caller) -> bool:
    """Whether the caller may speak to a run, end and fork it: who asked for it, and owners."""
    if caller.agent or caller.role < Role.REQUESTER:
        return False
    return caller.role >= Role.OWNER or top(tx, run).requester == caller.person
