"""Rules and instructions that are proposed, and that owners accept or decline; an agent never does."""

from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request

from baton.app import Baton
from baton.core import parse_duration
from baton.ledger import rule_proposals
from baton.proposing import accept, decline, proposal_json, propose
from baton.server.callers import AllOwner, AllViewer, Reviewer, baton_of
from baton.server.shapes import Declined, Id, Limit, Nothing, Proposed

router = APIRouter(tags=["proposals"])


@router.post("/reviews/{review}/propose", status_code=201)
async def propose_(review: Id, request: Request, caller: Reviewer, said: Proposed | None = None) -> dict[str, Any]:
    """Propose that what a person approved goes ahead alone, as narrowly as it was approved; nothing changes yet."""
    baton = baton_of(request)
    lasts = parse_duration((said or Proposed()).lasts).total_seconds()
    made = await propose(baton.ledger, baton.agents, review, lasts=lasts, by=caller.name)
    return {"proposal": proposal_json(made)}


@router.get("/proposals")
async def list_(
    request: Request,
    caller: AllViewer,
    state: Literal["open", "all"] = "open",
    limit: Limit = 50,
    after: Id | None = None,
) -> dict[str, Any]:
    """What is proposed, oldest first. `next` is the `after` of the next page, null on the last."""
    found = await baton_of(request).ledger.read(
        lambda tx: rule_proposals.listed(tx, everything=state == "all", limit=limit + 1, after=after)
    )
    shown = found[:limit]
    return {
        "proposals": [proposal_json(one) for one in shown],
        "next": shown[-1].id if len(found) > limit else None,
    }


@router.post("/proposals/{proposal}/accept")
async def accept_(proposal: Id, request: Request, caller: AllOwner, said: Nothing | None = None) -> dict[str, Any]:
    """Add a rule to its policy and its tests to those beside it, or have an agent told an instruction.

    The agents of this server go by it at once (`in_force`); those of others when they are started.
    """
    baton = baton_of(request)
    who, asks = caller.identity, baton.promotion
    made = await accept(baton.ledger, baton.agents, proposal, by=caller.name, identity=who, promotion=asks)
    files = {"policy": made.policy and str(made.policy), "tests": made.tests and str(made.tests)}
    in_force = _take_up(baton, made.policy) if made.policy else [made.proposal.agent]
    return {"proposal": proposal_json(made.proposal), **files, "in_force": in_force}


@router.post("/proposals/{proposal}/decline")
async def decline_(proposal: Id, request: Request, caller: AllOwner, said: Declined | None = None) -> dict[str, Any]:
    """Decline a rule or an instruction; nothing changes."""
    note = (said or Declined()).note
    ledger = baton_of(request).ledger
    refused = await decline(ledger, proposal, by=caller.name, note=note, identity=caller.identity)
    return {"proposal": proposal_json(refused)}


def _take_up(baton: Baton, policy: Path) -> list[str]:
    """Have the agents of this process that go by a policy read it again; their names.

    What is under way is judged by what it began with: whatever was approved before is held against the new one when it
    is carried out, as with any change of a policy.
    """
    changed = [agent for agent in baton.agents.values() if Path(agent.policy or "").resolve() == policy.resolve()]
    for agent in changed:
        baton.employ(agent)
    return [agent.name for agent in changed]
