"""The one stream that a tab listens to: what has changed, of which it then asks for what it shows."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from baton.ledger import events
from baton.server.callers import Caller, Viewer
from baton.server.changes import read_mark
from baton.server.service import Service, service_of
from baton.server.streaming import HEARTBEAT_SECONDS, still

router = APIRouter(include_in_schema=False)


@router.get("/live", response_class=StreamingResponse)
async def live(
    request: Request,
    caller: Viewer,
    after: Annotated[str | None, Query(max_length=100)] = None,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """What changes from now on, or behind `Last-Event-ID`, or behind what the page shows."""
    said = last_event_id or after
    mark = read_mark(said) if said else None
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_told(service_of(request), caller, mark), media_type="text/event-stream", headers=headers)


async def _told(service: Service, caller: Caller, after: events.Mark | None) -> AsyncGenerator[str]:
    """The stream, until the server ends or the caller may see it no more."""
    changes = service.changes.follow(after)
    closing = asyncio.ensure_future(service.closing.wait())
    following = asyncio.ensure_future(anext(changes))
    yield "retry: 1000\n\n"
    try:
        while True:
            await asyncio.wait((closing, following), timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if closing.done() or (not following.done() and not await still(service, caller)):
                return
            if following.done():
                yield following.result().sent()
                following = asyncio.ensure_future(anext(changes))
            else:
                yield ": here\n\n"
    finally:
        for task in (closing, following):
            task.cancel()
        await asyncio.gather(closing, following, return_exceptions=True)
        await changes.aclose()
