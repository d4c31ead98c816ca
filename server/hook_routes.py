"""Where signed events from outside come in."""

import hashlib
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from baton.core import InvalidValue, LedgerError, NotFound
from baton.graph.hooks import Hook, read_event
from baton.review.notices.signing import verify
from baton.server.failing import FAILURES
from baton.server.service import Service, service_of
from baton.server.shapes import Name

router = APIRouter(tags=["hooks"], responses={code: FAILURES[code] for code in (401, 404, 409, 413, 422, 503)})


@router.post("/hooks/{name}", status_code=202)
async def take(name: Name, request: Request) -> dict[str, Any]:
    """Take a CloudEvent 1.0 that is signed as Standard Webhooks says; answered once it is recorded, and done once."""
    service = service_of(request)
    hook = service.hooks.get(name)
    if hook is None:
        raise NotFound("hook", name)
    body = await request.body()
    id = _signed_by(service, hook, request, body)
    event = read_event(request.headers, body)
    kind = request.headers.get("content-type", "")
    told = "\n".join(f"{each}: {value}" for each, value in sorted(request.headers.items()) if each.startswith("ce-"))
    content = hashlib.sha256(f"{kind}\n{told}\n\n".encode() + body).hexdigest()
    return asdict(await service.baton.take(hook, id, content, event))


def _signed_by(service: Service, hook: Hook, request: Request, body: bytes) -> str:
    """The id of a delivery whose signature is right."""
    try:
        return verify(request.headers, body, hook.secrets, service.baton.ledger.clock.now())
    except (NotFound, InvalidValue) as error:  # of our own secret: the sender can do nothing about it
        raise LedgerError(f"hook {hook.name}", f"cannot be used now: {error}") from error
