"""How it goes: agents, people, what is looked back at, promises, what is stuck, measures, and who did what."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from baton.app import Baton
from baton.flow.record import measures_json, report_json, stuck_json
from baton.flow.report import read_report
from baton.ledger import people, trail
from baton.policies.promises import looking
from baton.review.promise_record import audit_json, look_json, page_json
from baton.review.record import person_json, time_json
from baton.server.callers import AllAdmin, AllViewer, Reviewer, Viewer, baton_of
from baton.server.shapes import Id, Limit, LookedBack, Name

router = APIRouter(tags=["flow"])


@router.get("/agents")
async def agents(request: Request, caller: Viewer) -> dict[str, Any]:
    """The agents that this server has, with their tools."""
    known = _baton(request).agents.values()
    return {"agents": [{"name": one.name, "tools": sorted(one.specs)} for one in known]}


@router.get("/people")
async def people_(request: Request, caller: AllViewer) -> dict[str, Any]:
    """The people who answer questions, as people.yaml names them, and whether they are there now."""
    ledger = _baton(request).ledger
    roster, now = await ledger.read(people.roster), ledger.clock.now()
    return {"people": [person_json(one, now) for one in (roster.people if roster is not None else ())]}


@router.get("/audits")
async def audits(request: Request, caller: Viewer) -> dict[str, Any]:
    """Actions that ran alone and wait to be looked back at, the oldest first."""
    return {"audits": [audit_json(one) for one in await _baton(request).audits.waiting()]}


@router.get("/audits/{audit}")
async def audit(audit: Id, request: Request, caller: Viewer) -> dict[str, Any]:
    """An action that ran alone."""
    return audit_json(await _baton(request).audits.get(audit))


@router.post("/audits/{audit}")
async def look_back(audit: Id, said: LookedBack, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Say whether an action was right; where it was wrong, the note says why."""
    return audit_json(await _baton(request).audits.answer(audit, wrong=said.wrong, by=caller.name, note=said.note))


@router.get("/promises")
async def promises(request: Request, caller: AllViewer) -> dict[str, Any]:
    """How much runs alone by promises, and what is missing until some does."""
    return {"promises": [look_json(one) for one in await _baton(request).ledger.read(looking.looks)]}


@router.get("/promises/{kind:path}")
async def promise(kind: Name, request: Request, caller: AllViewer, agent: Name | None = None) -> dict[str, Any]:
    """All there is to say of the promise of a class."""
    return page_json(await _baton(request).ledger.read(lambda tx: looking.page(tx, kind, agent)))


@router.get("/stuck")
async def stuck(request: Request, caller: AllViewer) -> dict[str, Any]:
    """What can never move by itself, why, and the ways out."""
    return {"stuck": [stuck_json(one) for one in await _baton(request).stuck()]}


@router.get("/measures")
async def measures(
    request: Request, caller: AllViewer, days: Annotated[float, Query(ge=0.01, le=366, allow_inf_nan=False)] = 30.0
) -> dict[str, Any]:
    """How reviews go, by class and by person; times in seconds."""
    return measures_json(await _baton(request).measures(days=days))


@router.get("/flow")
async def flow(
    request: Request, caller: AllViewer, days: Annotated[float, Query(ge=0.01, le=366, allow_inf_nan=False)] = 1.0
) -> dict[str, Any]:
    """Where the time of the runs went that have ended, what holds them up, and what is wrong; times in seconds."""
    ledger = _baton(request).ledger
    return report_json(await ledger.read(lambda tx: read_report(tx, tx.now - days * 86400.0)))


@router.get("/trail")
async def trail_(
    request: Request, caller: AllAdmin, limit: Limit = 50, before: Annotated[int | None, Query(ge=0, lt=2**31)] = None
) -> dict[str, Any]:
    """Who signed in, made keys and decided, the newest first; `before` is the id of the last one of the page before."""
    found = await _baton(request).ledger.read(lambda tx: trail.newest(tx, limit, before))
    return {"trail": [asdict(step) | {"at": time_json(step.at)} for step in found]}


def _baton(request: Request) -> Baton:
    return baton_of(request)
