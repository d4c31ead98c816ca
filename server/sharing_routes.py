"""What is shared: actions that are held up, recalled or let go; resources, and who has them."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from baton.app import Baton
from baton.review.record import reservation_json, resource_json, stay_json
from baton.review.taking_back import staged_with_arguments
from baton.server.callers import Reviewer, Viewer, baton_of
from baton.server.shapes import Id, Noted

router = APIRouter(tags=["sharing"])


@router.get("/staged")
async def staged(request: Request, caller: Viewer) -> dict[str, Any]:
    """Actions that may go ahead and are held up, what goes ahead first in front."""
    found = await _baton(request).ledger.read(staged_with_arguments)
    return {"staged": [stay_json(stay) | {"arguments": arguments} for stay, arguments in found]}


@router.post("/staged/{action}/recall")
async def recall(action: Id, said: Noted, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Take an action back for good, before it has happened; its agent is told."""
    return stay_json(await _baton(request).shared.recall(action, by=caller.name, note=said.note))


@router.post("/staged/{action}/release")
async def release(action: Id, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Let an action go ahead at once, also outside its window."""
    return stay_json(await _baton(request).shared.release(action, by=caller.name))


@router.get("/resources")
async def resources(request: Request, caller: Viewer) -> dict[str, Any]:
    """Resources, who has them and who waits for them, first come first; the reservations of one's own tenant."""
    shared = _baton(request).shared
    known, held, holding = await shared.resources(), await shared.reservations(), await shared.holding()
    return {
        "resources": [resource_json(one) for one in known if one.kind == "named"],
        "reservations": [reservation_json(one, [question for _, question in holding]) for one in held],
    }


def _baton(request: Request) -> Baton:
    return baton_of(request)
