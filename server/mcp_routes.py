"""Where MCP clients ask."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from baton.server.callers import Viewer, same_origin
from baton.server.offers import Desk
from baton.server.service import service_of

router = APIRouter(include_in_schema=False)


class _Answer(Response):
    """What the protocol's SDK answers."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from baton.server.mcp_serving import answer

        await answer(self._desk, scope, receive, send)


@router.post("/mcp")
async def mcp(request: Request, caller: Viewer) -> Response:
    """Take one message. Streams that a server would open by itself (GET) and sessions there are none: 405."""
    same_origin(request)
    return _Answer(Desk(service=service_of(request), caller=caller, url=str(request.base_url).rstrip("/")))
