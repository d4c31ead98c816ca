"""Reviews: what waits for people, taken, decided, talked about and put off."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request

from baton.app import Baton
from baton.core import BatonError, redact
from baton.ledger import Decision, ReviewKind, Transaction, reviews, runs
from baton.pages import page_json, read_page
from baton.review import Answer
from baton.review.deciding import need_reviewer
from baton.review.outlook import outlooks
from baton.review.record import decision_json, outlook_json, review_json
from baton.server.callers import Reviewer, Viewer, baton_of
from baton.server.shapes import Answered, Delegated, Id, Limit, Name, NextWanted, Remarked, Snoozed

router = APIRouter(prefix="/reviews", tags=["reviews"])

CHANNEL = "api"


@router.get("")
async def list_(
    request: Request,
    caller: Viewer,
    state: Literal["open", "closed", "all"] = "open",
    run: Id | None = None,
    agent: Name | None = None,
    kind: Annotated[ReviewKind | None, Query()] = None,
    tool: Name | None = None,
    assigned: Name | None = None,
    claimed_by: Name | None = None,
    limit: Limit = 50,
    after: Id | None = None,
) -> dict[str, Any]:
    """Reviews by when they are due. `next` is the `after` of the next page, null on the last."""

    def read(tx: Transaction) -> dict[str, Any]:
        found = reviews.listed(
            tx,
            state=None if state == "all" else state,
            run=runs.find(tx, run) if run is not None else None,
            agent=agent,
            kind=kind,
            tool=tool,
            assigned=assigned,
            claimed_by=claimed_by,
            limit=limit + 1,
            after=reviews.find(tx, after) if after is not None else None,
        )
        shown, said = found[:limit], outlooks(tx, found[:limit])
        return {
            "reviews": [review_json(one) | outlook_json(said.get(one.id)) for one in shown],
            "next": shown[-1].id if len(found) > limit else None,
        }

    return await _baton(request).ledger.read(read)


@router.post("/next")
async def next_(said: NextWanted, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Take the question that the caller should answer now, for a quarter of an hour; null where there is none."""
    queue = _baton(request).reviews
    taken = await queue.next(caller.name, skills=said.skills, roles=caller.acts_as)
    return {"review": None if taken is None else await _page(request, taken.id)}


@router.get("/{review}")
async def get(review: Id, request: Request, caller: Viewer) -> dict[str, Any]:
    """A review with all that a person needs to decide it."""
    return await _page(request, review)


@router.post("/{review}/claim")
async def claim(review: Id, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Take a question for oneself for a quarter of an hour; again to keep it."""
    queue = _baton(request).reviews
    need_reviewer(await queue.get(review), caller.name, caller.acts_as)
    return review_json(await queue.claim(review, caller.name))


@router.post("/{review}/release")
async def release(review: Id, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Give a question back."""
    return review_json(await _baton(request).reviews.release(review, caller.name))


@router.post("/{review}/decide")
async def decide(review: Id, said: Answered, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Answer a review as it was seen; its run goes on. Where somebody was first, 409 says who decided what and when."""
    answer = Answer(
        kind=said.kind,
        by=caller.name,
        note=said.note,
        arguments=said.arguments,
        version=said.version,
        channel=CHANNEL,
        hold=said.hold,
        delivery=said.delivery,
        identity=caller.identity,
    )
    decision = await _baton(request).decide(review, answer)
    return {"decision": decision_json(decision), "review": await _review(request, review)}


@router.post("/{review}/undo")
async def undo(review: Id, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Take back a decision of the caller's own that is held, or an approval that waits for others."""
    decision = await _baton(request).undo(review, by=caller.name)
    return {"undone": decision_json(decision), "review": await _review(request, review)}


@router.post("/{review}/delegate")
async def delegate(review: Id, said: Delegated, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Give a question to a person or a role; who may decide stays as it is."""
    queue = _baton(request).reviews
    given = await queue.delegate(review, said.to, by=caller.name, note=said.note, version=said.version)
    return review_json(given)


@router.post("/{review}/snooze")
async def snooze(review: Id, said: Snoozed, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Not be given a question for a while; others are."""
    queue = _baton(request).reviews
    return review_json(await queue.snooze(review, queue.now + said.seconds, by=caller.name))


@router.post("/{review}/comment")
async def comment(review: Id, said: Remarked, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Say something about a question to others; the agent is not told."""
    await _baton(request).reviews.comment(review, said.text, by=caller.name)
    return await _page(request, review)


@router.post("/{review}/ask")
async def ask(review: Id, said: Remarked, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Ask the agent something before deciding; three times at most."""
    await _baton(request).reviews.ask(review, said.text, by=caller.name)
    return await _page(request, review)


@router.get("/{review}/alike")
async def alike(review: Id, request: Request, caller: Reviewer) -> dict[str, Any]:
    """The other questions that may be decided together with this one."""
    found = await _baton(request).reviews.alike(review, caller.name)
    return {"reviews": [review_json(one) for one in found]}


def outcome_json(review: str, came: Decision | BatonError | None) -> dict[str, Any]:
    """What became of one answer of several."""
    if isinstance(came, BatonError):
        problem = {"kind": type(came).__name__, "message": redact(str(came))}
        return {"review": review, "decision": None, "error": problem}
    return {"review": review, "decision": came and decision_json(came), "error": None}


def _baton(request: Request) -> Baton:
    return baton_of(request)


async def _page(request: Request, review: str) -> dict[str, Any]:
    return page_json(await _baton(request).ledger.read(lambda tx: read_page(tx, review)))


async def _review(request: Request, review: str) -> dict[str, Any]:
    return review_json(await _baton(request).reviews.get(review))
