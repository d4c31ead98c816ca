"""Threads: conversations as LangGraph's clients know them, with their states."""

import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.requests import Request

from baton.app import Baton
from baton.core import Conflict, InvalidValue
from baton.ledger import Transaction, reviews, threads
from baton.ledger.threads import Thread
from baton.server.callers import Caller, Requester, Viewer, baton_of
from baton.server.langgraph_api.asked import (
    HistoryWanted,
    NewThread,
    Patch,
    StateUpdate,
    StateWanted,
    ThreadId,
    ThreadSearch,
)
from baton.server.langgraph_api.route import LangGraphRoute
from baton.server.langgraph_api.standing import Standing, history_json, metadata_of, standing, state_json, thread_json
from baton.server.langgraph_api.starting import own_thread
from baton.server.protocols import own_run
from baton.story import top

router = APIRouter(prefix="/threads", tags=["langgraph"], route_class=LangGraphRoute)

_MOST = 10_000  # threads that a search looks through


@router.post("")
async def create(said: NewThread, request: Request, caller: Requester) -> dict[str, Any]:
    """Make a thread in which nothing was said yet; answered once it is recorded."""
    id = said.thread_id or str(uuid.uuid4())
    if id.startswith("run_"):
        raise InvalidValue("thread_id", id, "a name that does not begin with run_: those are runs")
    baton = _baton(request)

    def make(tx: Transaction) -> dict[str, Any]:
        if (
            not threads.make(tx, id, caller.person, said.metadata, tenant=baton.tenant)
            and said.if_exists != "do_nothing"
        ):
            raise Conflict(f"thread {id}", "there is one of that name", "Give if_exists=do_nothing to have that one.")
        return _thread(tx, id, baton)

    return await baton.ledger.write(make)


@router.post("/search")
async def search(said: ThreadSearch, request: Request, caller: Viewer) -> list[dict[str, Any]]:
    """Threads, the newest first: those that clients made, and every run that is no part of another's."""
    agents = dict(_baton(request).agents)

    def read(tx: Transaction) -> list[dict[str, Any]]:
        fits = (how for how in _standing(tx, said) if said.metadata.items() <= metadata_of(how).items())
        return [thread_json(tx, how, agents) for how in islice(fits, said.offset, said.offset + said.limit)]

    return await _baton(request).ledger.read(read)


@router.get("/{thread_id}")
async def get(thread_id: ThreadId, request: Request, caller: Viewer) -> dict[str, Any]:
    """A thread."""
    baton = _baton(request)
    return await baton.ledger.read(lambda tx: _thread(tx, thread_id, baton))


@router.patch("/{thread_id}", response_model=None)
async def patch(thread_id: ThreadId, said: Patch, request: Request, caller: Requester) -> dict[str, Any] | Response:
    """Add to a thread's metadata, or replace some."""
    baton = _baton(request)

    def change(tx: Transaction) -> dict[str, Any]:
        threads.hold(tx, thread_id)
        known = threads.get(tx, thread_id)
        _own(tx, known, caller, "change")
        threads.keep(tx, known, metadata={**known.metadata, **said.metadata})
        return _thread(tx, thread_id, baton)

    changed = await baton.ledger.write(change)
    return Response(status_code=204) if request.headers.get("prefer") == "return=minimal" else changed


@router.delete("/{thread_id}", status_code=204)
async def delete(thread_id: ThreadId, request: Request, caller: Requester) -> None:
    """Delete a thread in which nothing was said yet. Of others nothing is: what was said and done is on record."""

    def drop(tx: Transaction) -> None:
        threads.hold(tx, thread_id)
        known = threads.get(tx, thread_id)
        _own(tx, known, caller, "delete")
        if known.run is not None:
            allowed = (
                "a thread in which nothing was said yet; cancel the run of another, `baton db archive` takes it away"
            )
            raise InvalidValue("thread_id", thread_id, allowed)
        threads.drop(tx, thread_id)

    await _baton(request).ledger.write(drop)


@router.get("/{thread_id}/state")
async def state(
    thread_id: ThreadId, request: Request, caller: Viewer, subgraphs: Annotated[bool, Query()] = False
) -> dict[str, Any]:
    """A thread's state: its messages, and the questions that stop it. There are none within its nodes."""
    return await _state(request, thread_id, None)


@router.post("/{thread_id}/state/checkpoint")
async def state_then(thread_id: ThreadId, said: StateWanted, request: Request, caller: Viewer) -> dict[str, Any]:
    """A thread's state, now or as it was after a turn."""
    return await _state(request, thread_id, said.checkpoint.checkpoint_id)


@router.get("/{thread_id}/state/{checkpoint_id}")
async def state_of(
    thread_id: ThreadId,
    checkpoint_id: str,
    request: Request,
    caller: Viewer,
    subgraphs: Annotated[bool, Query()] = False,
) -> dict[str, Any]:
    """A thread's state as it was after a turn."""
    return await _state(request, thread_id, checkpoint_id)


@router.post("/{thread_id}/state")
async def update(thread_id: ThreadId, said: StateUpdate, request: Request, caller: Requester) -> dict[str, Any]:
    """End a thread's run between two actions; its open questions are withdrawn. No state is changed otherwise."""
    baton = _baton(request)

    def look(tx: Transaction) -> Thread:
        known = threads.get(tx, thread_id)
        _own(tx, known, caller, "end")
        if known.run is None:
            raise Conflict(f"end of {thread_id}", "nothing was said in it yet")
        return known

    known = await baton.ledger.read(look)
    await (await baton.open(known.run or "")).cancel(by=caller.name)
    return {"checkpoint": (await _state(request, thread_id, None))["checkpoint"]}


@router.post("/{thread_id}/history")
async def history(thread_id: ThreadId, said: HistoryWanted, request: Request, caller: Viewer) -> list[dict[str, Any]]:
    """A thread's states, one a turn, the newest first."""
    agents = dict(_baton(request).agents)
    before = said.before if isinstance(said.before, str) or said.before is None else said.before.checkpoint_id

    def read(tx: Transaction) -> list[dict[str, Any]]:
        return history_json(tx, threads.get(tx, thread_id), agents, limit=said.limit, before=before)

    return await _baton(request).ledger.read(read)


def _standing(tx: Transaction, said: ThreadSearch) -> Iterator[Standing]:
    """The threads that stand as is asked for, in order."""
    asking = {top(tx, one.run).id for one in reviews.waiting(tx)} if said.status == "interrupted" else None
    for thread in _all(tx, said):
        if asking is None or thread.run in asking:
            how = standing(tx, thread)
            if said.status in (None, how.status):
                yield how


def _all(tx: Transaction, said: ThreadSearch) -> Iterator[Thread]:
    """The threads to look at, in order."""
    if said.ids is not None:
        found = [threads.find(tx, id) for id in said.ids]
        yield from (one for one in found if one is not None)
        return
    for after in range(0, _MOST, 100):
        page = threads.listed(tx, oldest_first=said.sort_order == "asc", by=said.sort_by, after=after)
        yield from page
        if len(page) < 100:
            return


def _thread(tx: Transaction, id: str, baton: Baton) -> dict[str, Any]:
    return thread_json(tx, standing(tx, threads.get(tx, id)), dict(baton.agents))


async def _state(request: Request, thread: str, checkpoint: str | None) -> dict[str, Any]:
    agents = dict(_baton(request).agents)
    return await _baton(request).ledger.read(lambda tx: state_json(tx, threads.get(tx, thread), agents, checkpoint))


def _own(tx: Transaction, thread: Thread, caller: Caller, what: str) -> None:
    """Go on only where a thread is the caller's, or they may take it for theirs."""
    own_thread(thread, caller, what)
    if thread.run is not None:
        own_run(tx, thread.run, caller, what)


def _baton(request: Request) -> Baton:
    return baton_of(request)
