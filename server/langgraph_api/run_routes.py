"""Runs as LangGraph has them: something is said or answered, and the agent goes on until it rests."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from starlette.requests import Request
from starlette.responses import StreamingResponse

from baton.core import Conflict
from baton.ledger import Transaction, runs, threads
from baton.ledger.threads import Exchange
from baton.server.callers import Requester, Viewer, baton_of
from baton.server.langgraph_api.asked import Count, NewExchange, Offset, ThreadId, read_modes
from baton.server.langgraph_api.position import read_position
from baton.server.langgraph_api.route import LangGraphRoute
from baton.server.langgraph_api.standing import all_exchanges, exchange_json, exchange_status, find_exchange
from baton.server.langgraph_api.starting import start
from baton.server.langgraph_api.streaming import Following
from baton.server.protocols import own_run
from baton.server.service import service_of
from baton.server.shapes import Name

router = APIRouter(tags=["langgraph"], route_class=LangGraphRoute)

LastEventId = Annotated[str | None, Header(max_length=10_000)]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]


@router.post("/threads/{thread_id}/runs")
async def create(
    thread_id: ThreadId, said: NewExchange, request: Request, response: Response, caller: Requester
) -> dict[str, Any]:
    """Say something to an agent, or answer what is asked; back once it is recorded."""
    exchange = await start(baton_of(request), thread_id, said, caller)
    response.headers["Content-Location"] = _place(exchange)
    return await _exchange(request, exchange, said.assistant_id)


@router.post("/threads/{thread_id}/runs/stream", response_class=StreamingResponse)
async def stream(thread_id: ThreadId, said: NewExchange, request: Request, caller: Requester) -> StreamingResponse:
    """The same, and what happens until the agent rests, as a stream."""
    return _stream(_following(request, said, caller, await start(baton_of(request), thread_id, said, caller)))


@router.post("/threads/{thread_id}/runs/wait", response_class=StreamingResponse)
async def wait(thread_id: ThreadId, said: NewExchange, request: Request, caller: Requester) -> StreamingResponse:
    """The same, and the state once the agent rests."""
    return _wait(_following(request, said, caller, await start(baton_of(request), thread_id, said, caller)))


@router.post("/runs/stream", response_class=StreamingResponse)
async def stream_alone(said: NewExchange, request: Request, caller: Requester) -> StreamingResponse:
    """Say something in a new thread, and see what happens until the agent rests."""
    return _stream(_following(request, said, caller, await start(baton_of(request), None, said, caller)))


@router.post("/runs/wait", response_class=StreamingResponse)
async def wait_alone(said: NewExchange, request: Request, caller: Requester) -> StreamingResponse:
    """Say something in a new thread, and have its state once the agent rests."""
    return _wait(_following(request, said, caller, await start(baton_of(request), None, said, caller)))


@router.get("/threads/{thread_id}/runs")
async def list_(
    thread_id: ThreadId,
    request: Request,
    caller: Viewer,
    limit: Count = 10,
    offset: Offset = 0,
    status: RunStatus | None = None,
) -> list[dict[str, Any]]:
    """The runs in a thread, the newest first."""

    def read(tx: Transaction) -> list[dict[str, Any]]:
        found = reversed(all_exchanges(tx, threads.get(tx, thread_id)))
        told = [exchange_json(tx, one, runs.get(tx, one.run).agent) for one in found]
        return [one for one in told if status in (None, one["status"])][offset : offset + limit]

    return await baton_of(request).ledger.read(read)


@router.get("/threads/{thread_id}/runs/{run_id}")
async def get(thread_id: ThreadId, run_id: str, request: Request, caller: Viewer) -> dict[str, Any]:
    """A run in a thread."""
    return await _exchange(request, await _find(request, thread_id, run_id))


@router.get("/threads/{thread_id}/runs/{run_id}/join", response_class=StreamingResponse)
async def join(thread_id: ThreadId, run_id: str, request: Request, caller: Viewer) -> StreamingResponse:
    """The state of its thread once the agent rests."""
    found = await _find(request, thread_id, run_id)
    return _wait(Following(service=service_of(request), caller=caller, exchange=found, modes=frozenset()))


@router.get("/threads/{thread_id}/runs/{run_id}/stream", response_class=StreamingResponse)
async def join_stream(
    thread_id: ThreadId,
    run_id: str,
    request: Request,
    caller: Viewer,
    stream_mode: Annotated[list[Name] | None, Query(max_length=10)] = None,
    cancel_on_disconnect: Annotated[Literal["false", "False", "0"] | None, Query()] = None,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """What has happened since a run began, or since the event whose id is given, and happens until the agent rests."""
    found = await _find(request, thread_id, run_id)
    baton_of(request).live.expect()
    following = Following(
        service=service_of(request),
        caller=caller,
        exchange=found,
        modes=read_modes(stream_mode) if stream_mode else _ALL,
        position=read_position(last_event_id) if last_event_id else None,
    )
    return _stream(following)


@router.post("/threads/{thread_id}/runs/{run_id}/cancel", response_model=None)
async def cancel(
    thread_id: ThreadId,
    run_id: str,
    request: Request,
    caller: Requester,
    wait: Annotated[bool, Query()] = False,
    action: Annotated[Literal["interrupt"], Query()] = "interrupt",
) -> Response:
    """End the agent's work between two actions; what it has done stays done. A later input goes on from there."""
    baton = baton_of(request)

    def look(tx: Transaction) -> Exchange:
        found = find_exchange(tx, threads.get(tx, thread_id), run_id)
        own_run(tx, found.run, caller, "cancel")
        status = exchange_status(tx, found)
        newest = all_exchanges(tx, threads.get(tx, thread_id))[-1].id == found.id
        if not newest or status not in ("running", "interrupted"):
            raise Conflict(f"cancel of {run_id}", f"it has ended already ({status})")
        return found

    found = await baton.ledger.read(look)
    handle = await baton.open(found.run)
    await handle.cancel(by=caller.name)
    if wait:
        await handle.settled()
    return Response(status_code=204 if wait else 202)


_ALL = frozenset({"values", "updates", "messages-tuple", "custom"})
"""What is streamed to whoever joins without saying what: they may have asked for any of them."""


def _following(request: Request, said: NewExchange, caller: Requester, exchange: Exchange) -> Following:
    return Following(
        service=service_of(request),
        caller=caller,
        exchange=exchange,
        modes=said.modes,
        subgraphs=said.stream_subgraphs,
    )


def _stream(following: Following) -> StreamingResponse:
    place = _place(following.exchange)
    headers = {"Content-Location": place, "Location": f"{place}/stream", "X-Accel-Buffering": "no"}
    return StreamingResponse(following.sse(), media_type="text/event-stream", headers=headers)


def _wait(following: Following) -> StreamingResponse:
    place = _place(following.exchange)
    headers = {"Content-Location": place, "Location": f"{place}/join"}
    return StreamingResponse(following.waited(), media_type="application/json", headers=headers)


def _place(exchange: Exchange) -> str:
    return f"/threads/{exchange.thread}/runs/{exchange.id}"


async def _find(request: Request, thread: str, run: str) -> Exchange:
    return await baton_of(request).ledger.read(lambda tx: find_exchange(tx, threads.get(tx, thread), run))


async def _exchange(request: Request, exchange: Exchange, agent: str | None = None) -> dict[str, Any]:
    def read(tx: Transaction) -> dict[str, Any]:
        return exchange_json(tx, exchange, agent or runs.get(tx, exchange.run).agent)

    return await baton_of(request).ledger.read(read)
