"""The shared notes of a run's goal: what stands in them, what was written, and writing into them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from baton.core import Role, RunId, Trust
from baton.ledger import Transaction, notes, runs
from baton.noting import note_json, notes_json
from baton.server.callers import Caller, Requester, Viewer, baton_of
from baton.server.protocols import own_run
from baton.server.shapes import Id, NewNote

router = APIRouter(prefix="/runs/{run}/notes", tags=["notes"])


@router.get("")
async def show(
    run: Id, request: Request, caller: Viewer, version: Annotated[int | None, Query(ge=0, lt=2**31)] = None
) -> dict[str, Any]:
    """What stands in the notes that a run shares, or stood at a version; a field in conflict has several values."""
    found = await baton_of(request).ledger.read(lambda tx: notes.at_version(tx, runs.find(tx, run), version))
    return notes_json(found)


@router.get("/history")
async def history(run: Id, request: Request, caller: Viewer) -> dict[str, Any]:
    """All that was ever written into them, oldest first."""
    found = await baton_of(request).ledger.read(lambda tx: notes.history(tx, runs.find(tx, run)))
    return {"notes": [note_json(one) for one in found]}


@router.post("", status_code=201)
async def write(run: Id, said: NewNote, request: Request, caller: Requester) -> dict[str, Any]:
    """Write an entry, or a field's value. What an agent's key writes has an agent's trust."""
    baton = baton_of(request)
    id = await baton.ledger.read(lambda tx: _writable(tx, run, caller))
    shared, trust = (await baton.open(id)).notes, Trust.AGENT if caller.agent else Trust.USER
    if said.field is None:
        made = await shared.add(said.text, by=caller.name, trust=trust)
    else:
        made = await shared.set(said.field, said.text, by=caller.name, trust=trust, seen=said.seen)
    return note_json(made)


def may_write(caller: Caller) -> bool:
    """Whether the caller may write into the notes of runs that others have asked for."""
    return not caller.agent and caller.role >= Role.REVIEWER


def _writable(tx: Transaction, run: str, caller: Caller) -> RunId:
    """A run whose notes the caller may write into: who asked for it, and whoever answers questions.

    Raises:
        Forbidden: if they may not.
    """
    return runs.find(tx, run) if may_write(caller) else own_run(tx, run, caller, "write into the notes of")
