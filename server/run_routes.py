"""Runs: ask for them, see how they go, speak to them, end and fork them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from baton.app import Baton
from baton.core import Forbidden, InvalidValue, Trust
from baton.costing import cost
from baton.handles import RunHandle
from baton.ledger import Transaction, events, reviews, runs
from baton.review.record import review_json, run_json, time_json
from baton.server.callers import Caller, Requester, Viewer, baton_of
from baton.server.protocols import own_run
from baton.server.service import service_of
from baton.server.shapes import Fork, Id, Limit, Message, Name, NewRun
from baton.server.streaming import Numbers, read_numbers, told
from baton.story import moment_json, moments, waiting

router = APIRouter(prefix="/runs", tags=["runs"])

Status = Literal["ready", "waiting", "done", "refused", "failed", "cancelled"]


@router.post("", status_code=201)
async def submit(said: NewRun, request: Request, caller: Requester) -> dict[str, Any]:
    """Hand a goal to an agent; answered once it is recorded. What an agent's key asks for has an agent's trust."""
    try:
        goal = said.goal(caller.person)
    except ValueError as error:
        raise InvalidValue("deadline", said.deadline, "a time such as 2h, or 2026-11-23T08:00+01:00") from error
    trust = Trust.AGENT if caller.agent else Trust.USER
    run = await _baton(request).submit(goal, agent=said.agent, key=said.key, trust=trust)
    return run_json(await run.status())


@router.get("")
async def list_(
    request: Request,
    caller: Viewer,
    status: Annotated[list[Name], Query()] = [],  # noqa: B006  FastAPI copies it
    agent: Name | None = None,
    limit: Limit = 50,
    after: Id | None = None,
) -> dict[str, Any]:
    """Runs, the newest first. `next` is the `after` of the next page, null on the last."""

    def read(tx: Transaction) -> list[runs.Run]:
        last = runs.find(tx, after) if after is not None else None
        return runs.listed(tx, statuses=status, agent=agent, limit=limit + 1, after=last)

    found = await _baton(request).ledger.read(read)
    return {
        "runs": [run_json(run) for run in found[:limit]],
        "next": found[limit - 1].id if len(found) > limit else None,
    }


@router.get("/{run}")
async def get(run: Id, request: Request, caller: Viewer) -> dict[str, Any]:
    """A run, and what it goes on with only: questions, of the runs that it handed work to as well, times and events."""
    baton = _baton(request)

    def read(tx: Transaction) -> dict[str, Any]:
        known = runs.get(tx, runs.find(tx, run))
        left, spent = waiting(tx, known.id), cost(tx, [known], baton.prices)
        return run_json(known) | {
            "cost": None if spent is None or baton.prices is None else baton.prices.json(spent),
            "reviews": [review_json(review) for review in left.reviews],
            "until": time_json(left.until),
            "events": [{"event": one.event, "key": one.key} for one in left.events],
        }

    return await baton.ledger.read(read)


@router.get("/{run}/story")
async def story(
    run: Id,
    request: Request,
    caller: Viewer,
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> dict[str, Any]:
    """What happened in a run, oldest first: its events with numbers above `after`."""

    def read(tx: Transaction) -> list[dict[str, Any]]:
        id = runs.find(tx, run)
        return [moment_json(moment) for moment in moments(tx, events.of_run(tx, id, after, limit))]

    return {"story": await _baton(request).ledger.read(read)}


@router.get("/{run}/reviews")
async def reviews_of(run: Id, request: Request, caller: Viewer) -> dict[str, Any]:
    """All questions of a run, oldest first."""

    def read(tx: Transaction) -> list[dict[str, Any]]:
        return [review_json(review) for review in reviews.of_run(tx, runs.find(tx, run))]

    return {"reviews": await _baton(request).ledger.read(read)}


@router.get("/{run}/events", response_class=StreamingResponse)
async def follow(
    run: Id, request: Request, caller: Viewer, last_event_id: Annotated[str | None, Header(max_length=10_000)] = None
) -> StreamingResponse:
    """What happens in a run and in those it hands work to, as server-sent events until it has ended.

    Each has an id. Whoever asks again with the last one as `Last-Event-ID` is told what came behind it, from whichever
    server. `event: end` says that there is no more; a comment every 15 s that the server is there.
    """
    service = service_of(request)
    seen: Numbers = read_numbers(last_event_id)
    handle = await baton_of(request).open(run)
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(told(service, handle, seen, caller), media_type="text/event-stream", headers=headers)


@router.post("/{run}/messages", status_code=202)
async def message(run: Id, said: Message, request: Request, caller: Requester) -> dict[str, Any]:
    """Say something to the agent. A message is never an answer to a review."""
    handle = await _own(request, run, caller, "speak to")
    trust = Trust.AGENT if caller.agent else Trust.USER
    await handle.message(said.text, sender=caller.name, trust=trust, attachments=said.attached)
    return run_json(await handle.status())


@router.post("/{run}/cancel", status_code=202)
async def cancel(run: Id, request: Request, caller: Requester) -> dict[str, Any]:
    """End a run between two actions; what it has done stays done."""
    handle = await _own(request, run, caller, "cancel")
    await handle.cancel(by=caller.name)
    return run_json(await handle.status())


@router.post("/{run}/fork", status_code=201)
async def fork(run: Id, said: Fork, request: Request, caller: Requester) -> dict[str, Any]:
    """Start a run that shares this one's transcript up to and with a turn, and goes on by itself."""
    if caller.agent:
        raise Forbidden(caller.name, f"fork {run}", "what it is told would count as a person's word")
    handle = await _own(request, run, caller, "fork")
    made = await _baton(request).fork(
        handle.id, at=said.at, live=said.live, goal=said.goal, say=said.say, by=caller.person
    )
    return run_json(await made.status())


@router.post("/{run}/compensate", status_code=201)
async def compensate(run: Id, request: Request, caller: Requester) -> dict[str, Any]:
    """Start the run that undoes what one did: last things first, each call judged by policy."""
    if caller.agent:
        raise Forbidden(caller.name, f"undo {run}", "that would count as a person's word")
    handle = await _own(request, run, caller, "undo")
    made = await _baton(request).compensate(handle.id, by=caller.person)
    return run_json(await made.status())


async def _own(request: Request, run: str, caller: Caller, what: str) -> RunHandle:
    """A run that the caller has asked for, or may take for their own.

    Raises:
        Forbidden: if it is somebody else's.
    """
    baton = _baton(request)
    return await baton.open(await baton.ledger.read(lambda tx: own_run(tx, run, caller, what)))


def _baton(request: Request) -> Baton:
    return baton_of(request)
