"""Signing in and out, and who asks."""

from typing import Any

from fastapi import APIRouter, Response
from starlette.requests import Request

from baton.ledger import credentials
from baton.server.callers import COOKIE, Caller, Viewer, address_of, by_key, csrf_of, known, same_origin, secret_of
from baton.server.door import is_loopback
from baton.server.service import service_of
from baton.server.shapes import SignIn
from baton.server.signing_in import SESSION_SECONDS, by_link, by_password

router = APIRouter(prefix="/session", tags=["session"])


@router.post("")
async def sign_in(said: SignIn, request: Request, response: Response) -> dict[str, Any]:
    """Sign in: sets the cookie, and gives the token that changes take as the header X-CSRF-Token."""
    same_origin(request)
    return await enter(said, request, response)


@router.get("")
async def who(request: Request, caller: Viewer) -> dict[str, Any]:
    """Who asks, and what they may do; for a session also its token for changes."""
    secret = secret_of(request)
    csrf = csrf_of(secret) if secret and not by_key(request) else None
    return {"csrf": csrf, **_caller_json(caller)}


@router.delete("", status_code=204)
async def sign_out(request: Request, response: Response, caller: Viewer) -> None:
    """End the session that asks; of a key, revoke it."""
    await service_of(request).baton.ledger.write(lambda tx: credentials.end(tx, caller.credential, by=caller.name))
    response.delete_cookie(COOKIE, path=_path(request), httponly=True, samesite="strict")


async def enter(said: SignIn, request: Request, response: Response) -> dict[str, Any]:
    """Make a session, and have the answer set its cookie."""
    service, address = service_of(request), address_of(request)
    ledger = service.baton.ledger
    if said.token is not None:
        _, secret = await by_link(ledger, said.token, address)
    else:
        _, secret = await by_password(service, said.name or "", said.password or "", address)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_SECONDS),
        path=_path(request),
        httponly=True,
        samesite="strict",
        secure=not is_loopback(request.url.hostname or ""),
    )
    caller = await ledger.read(lambda tx: known(tx, secret, "session", address))
    return {"csrf": csrf_of(secret), **_caller_json(caller)}


def _path(request: Request) -> str:
    return service_of(request).base_path or "/"


def _caller_json(caller: Caller) -> dict[str, Any]:
    return {
        "name": caller.name,
        "role": caller.role.word,
        "agent": caller.agent,
        "tenant": caller.tenant,
        "acts_as": None if caller.acts_as is None else sorted(caller.acts_as),
    }
