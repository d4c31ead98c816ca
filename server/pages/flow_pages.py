"""The pages of the flow: how much comes and goes, what waits for what, and how promises stand. They only show."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core import Role
from baton.ledger import Transaction
from baton.limiting import limits_used
from baton.policies.promises import looking
from baton.server.callers import AllViewer, Caller, baton_of
from baton.server.pages.figures import gauge
from baton.server.pages.flow_time import read_time
from baton.server.pages.flowing import OPEN_KEYS, SPANS, Meter, read_flow, read_waiting
from baton.server.pages.look import around, page
from baton.server.pages.promise_page import LATEST, shown
from baton.server.shapes import Name
from baton.telling import Tone

router = APIRouter(include_in_schema=False)

SpanName = Annotated[str | None, Query(max_length=20)]


@router.get("/flow")
async def flow_page(request: Request, caller: AllViewer, span: SpanName = None) -> HTMLResponse:
    """How it goes now, and in a window of time."""
    house, figures = await around(request), await _figures(request, caller, span)
    return page(request, "flow.html", caller, **house, **figures, spans=SPANS)


@router.get("/parts/flow")
async def flow_part(request: Request, caller: AllViewer, span: SpanName = None) -> HTMLResponse:
    """The figures of the page, as they are now."""
    return page(request, "parts/flow.html", caller, **await _figures(request, caller, span))


@router.get("/parts/flow/waiting")
async def waiting_part(request: Request, caller: AllViewer, span: SpanName = None) -> HTMLResponse:
    """What waiting consists of; asked for by the page, as it takes longer than the rest."""
    found = await baton_of(request).ledger.read(lambda tx: read_waiting(tx, span))
    return page(request, "parts/flow_waiting.html", caller, waiting=found)


@router.get("/parts/flow/time")
async def time_part(request: Request, caller: AllViewer, span: SpanName = None) -> HTMLResponse:
    """Where the time of runs goes, and what holds them up; asked for by the page beside the rest."""
    found = await baton_of(request).ledger.read(lambda tx: read_time(tx, span))
    return page(request, "parts/flow_time.html", caller, time=found)


@router.get("/flow/promises/{kind:path}")
async def promise_page(kind: Name, request: Request, caller: AllViewer, agent: Name | None = None) -> HTMLResponse:
    """All there is to say of a promise."""
    house = await around(request)

    def read(tx: Transaction) -> dict[str, Any]:
        return {"promise": shown(looking.page(tx, kind, agent, LATEST), tx.now), "now": tx.now}

    found = await baton_of(request).ledger.read(read)
    return page(request, "promise.html", caller, **house, **found)


async def _figures(request: Request, caller: Caller, span: str | None) -> dict[str, Any]:
    baton = baton_of(request)

    def read(tx: Transaction) -> dict[str, Any]:
        used = limits_used(tx, baton.policies, baton.tenant)
        return {"flow": read_flow(tx, span), "limits": [(one, _meter(one.limit, one.used, one.share)) for one in used]}

    owner = caller.role >= Role.OWNER and not caller.agent
    return await baton.ledger.read(read) | {"open_keys": OPEN_KEYS, "may_cancel": owner}


def _meter(name: str, used: str, share: float | None) -> Meter | None:
    if share is None:
        return None
    tone: Tone = "bad" if share >= 1 else "asks" if share >= 0.8 else "ready"
    return Meter(name, used, gauge(name, used, share, tone))
