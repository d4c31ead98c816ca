"""Conversations with agents, and what agents remember."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from baton.conversing import Said
from baton.core import LOCAL_TENANT, FactId, NotFound, Role, Trust
from baton.ledger import Fact, Transaction, facts, runs, trail
from baton.review.record import fact_json, run_json
from baton.server.callers import Caller, Requester, Viewer
from baton.server.service import service_of
from baton.server.shapes import Id, Name, NewConversation
from baton.story import top

router = APIRouter(tags=["conversations"])


@router.post("/conversations", status_code=201)
async def begin(said: NewConversation, request: Request, caller: Requester) -> dict[str, Any]:
    """Begin a conversation by saying something, with an agent or after a run that has ended.

    What is said in it afterwards are messages to its run; an agent's key speaks with an agent's trust.
    """
    baton = service_of(request).baton
    after = said.follow
    follow = await baton.ledger.read(lambda tx: runs.find(tx, after)) if after is not None else None
    trust = Trust.AGENT if caller.agent else Trust.USER
    words = [Said(text=text, sender=caller.name, trust=min(trust, of)) for text, of in said.texts(trust)]
    baton.live.expect()  # whoever begins listens next, and hears the first answer from the beginning
    run = await baton.converse(words, agent=said.agent, follow=follow, by=caller.person, trust=trust)
    return run_json(await run.status())


@router.get("/memory")
async def remembered(
    request: Request, caller: Viewer, scope: Name | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> dict[str, Any]:
    """What agents believe, the newest first; `scope` is whose, such as an agent's name."""
    scopes = None if scope is None else [scope]
    found = await service_of(request).baton.ledger.read(lambda tx: facts.believed(tx, LOCAL_TENANT, scopes))
    return {"facts": [fact_json(fact) for fact in found[::-1][:limit]]}


@router.delete("/memory/{fact}", status_code=204)
async def forget(fact: Id, request: Request, caller: Requester) -> None:
    """Have a fact believed no more; one of somebody else's runs, where the caller is an owner."""

    def retire(tx: Transaction) -> None:
        found = facts.get(tx, LOCAL_TENANT, [FactId(fact)])
        if not found:
            raise NotFound("fact", fact, [])
        _may_forget(tx, found[0], caller)
        facts.retire(tx, LOCAL_TENANT, found[0].id)
        trail.note(tx, "memory.forgotten", caller.name, about=found[0].id, credential=caller.credential)

    await service_of(request).baton.ledger.write(retire)


def _may_forget(tx: Transaction, fact: Fact, caller: Caller) -> None:
    """Go on only where somebody may have a fact forgotten.

    Raises:
        Forbidden: if it came of somebody else's run, and they are no owner; or an agent asks.
    """
    asked_by = top(tx, fact.run).requester if fact.run else None
    if caller.agent or asked_by != caller.person:
        caller.need(Role.OWNER, f"forget {fact.id}, which came of a run of {asked_by or 'nobody'}'s")
