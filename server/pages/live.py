"""The one stream that a tab listens to: what has changed, of which it then asks for what it shows; and what is said."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Coroutine
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from baton.ledger import events
from baton.server.beating import HEARTBEAT_SECONDS
from baton.server.callers import Caller, Viewer, baton_of
from baton.server.changes import read_mark
from baton.server.service import Service, service_of
from baton.server.shapes import Id
from baton.server.streaming import still

router = APIRouter(include_in_schema=False)

_WAITING = 100
"""Lines that wait for a slow reader."""


@router.get("/live", response_class=StreamingResponse)
async def live(
    request: Request,
    caller: Viewer,
    run: Id | None = None,
    after: Annotated[str | None, Query(max_length=100)] = None,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """What changes from now on, or behind `Last-Event-ID`, or behind what the page shows.

    Of a run also what its model says, as it comes; pieces may be lost, and the record then has the whole.
    """
    said = last_event_id or after
    mark = read_mark(said) if said else None
    spoken = (await baton_of(request).open(run)).id if run is not None else None
    headers = {"X-Accel-Buffering": "no"}
    told = _told(service_of(request), caller, mark, spoken)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


async def _told(service: Service, caller: Caller, after: events.Mark | None, run: str | None) -> AsyncGenerator[str]:
    """The stream, until the server ends or the caller may see it no more."""
    lines: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
    sources = [_changed(service, caller, after, lines), _watched(service, caller, lines)]
    sources += [_said(service, run, lines)] if run is not None else []
    tasks = [asyncio.create_task(_to_end(source, lines)) for source in sources]
    yield "retry: 1000\n\n"
    try:
        while (line := await lines.get()) is not None:
            yield line
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_end(source: Coroutine[None, None, None], lines: asyncio.Queue[str | None]) -> None:
    """Where one source ends, or fails, the stream does: a page asks for another one and misses nothing."""
    try:
        await source
    finally:
        await lines.put(None)


async def _changed(
    service: Service, caller: Caller, after: events.Mark | None, lines: asyncio.Queue[str | None]
) -> None:
    async with contextlib.aclosing(service.changes.follow(after, caller.tenant)) as changes:
        async for change in changes:
            await lines.put(change.sent())


async def _watched(service: Service, caller: Caller, lines: asyncio.Queue[str | None]) -> None:
    """Until the server ends, or what the caller showed holds no more."""
    while await still(service, caller):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await service.closing.wait()
                return
        await lines.put(": here\n\n")


async def _said(service: Service, run: str, lines: asyncio.Queue[str | None]) -> None:
    """What the model of a run says."""
    with service.baton.live.listen() as ear:
        while True:
            await ear.wait()
            for piece in ear.take():
                if piece.run == run:
                    said = json.dumps({"turn": piece.turn, "text": piece.text})
                    await lines.put(f"event: piece\ndata: {said}\n\n")
