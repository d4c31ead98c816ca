"""What the routes of other people's protocols share: errors as their clients read them, and links to our pages."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from baton.core import BatonError, Forbidden, Role, RunId, redact
from baton.ledger import Transaction, runs
from baton.server.callers import Caller
from baton.server.failing import headers_of, status_of
from baton.story import top

_log = logging.getLogger(__name__)

SORRY = "Sorry, this should not happen. What was recorded is safe; the log says more."


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What went wrong with a request.

    Attributes:
        kind: The name of the error.
        field: What of the body or address it is about; None where it is about none.
    """

    status: int
    kind: str
    message: str
    field: str | None = None
    headers: dict[str, str] | None = None


class ProtocolRoute(APIRoute):
    """A route whose failures are told as its protocol tells them."""

    @staticmethod
    @abstractmethod
    def told(trouble: Trouble) -> Response:
        """The answer that says what went wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what it raises told."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except (BatonError, RequestValidationError, HTTPException) as error:
                return self.told(trouble_of(error))
            except Exception as error:
                _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
                return self.told(Trouble(status=500, kind="unexpected", message=SORRY))

        return handler


def trouble_of(error: BatonError | RequestValidationError | HTTPException) -> Trouble:
    """An error in words."""
    if isinstance(error, BatonError):
        kind, message = type(error).__name__, redact(str(error))
        return Trouble(status=status_of(error), kind=kind, message=message, headers=headers_of(error))
    if isinstance(error, HTTPException):
        return Trouble(status=error.status_code, kind="InvalidValue", message=str(error.detail))
    found = error.errors()
    said = "; ".join(f"{_place(one['loc'])}: {_what(one)}" for one in found[:10])
    field = _place(found[0]["loc"]) if found else None
    return Trouble(status=422, kind="InvalidValue", message=redact(said), field=field)


def _place(loc: tuple[int | str, ...]) -> str:
    """Where in the body or address, as `messages.3.content`."""
    return ".".join(str(part) for part in loc if part != "body") or "body"


def _what(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not supported here; leave it out"
    return str(error["msg"])


def describe(title: str, path: str, *described: APIRouter) -> APIRouter:
    """A route that gives the description of others in OpenAPI."""
    router = APIRouter()

    @router.get(path, include_in_schema=False)
    async def description(request: Request) -> dict[str, Any]:
        routes = [route for one in described for route in one.routes]
        base = [{"url": request.scope.get("root_path") or "/"}]
        return get_openapi(title=title, version="1", routes=routes, servers=base)

    return router


def link_to(request: Request, review: str) -> str:
    """The page on which a person decides a review, as whoever asks reaches this server."""
    return f"{str(request.base_url).rstrip('/')}/reviews/{review}"


def own_run(tx: Transaction, prefix: str, caller: Caller, what: str) -> RunId:
    """A run that the caller has asked for, or may take for their own.

    Raises:
        NotFound: if there is none.
        Forbidden: if it is somebody else's.
    """
    run = runs.find(tx, prefix)
    asked_by = top(tx, run).requester
    if asked_by != caller.person or caller.role < Role.REQUESTER:
        caller.need(Role.OWNER, f"{what} {run}, which {asked_by or 'nobody'} asked for")
    return run


def no_agent_continues(tx: Transaction, run: RunId, caller: Caller) -> None:
    """Refuse an agent's key that would have an ended run go on: a new one writes in a person's name.

    Raises:
        Forbidden: if it would.
    """
    if caller.agent and runs.get(tx, run).ended:
        raise Forbidden(caller.name, f"go on with {run}, which has ended", "begin a new conversation instead")
