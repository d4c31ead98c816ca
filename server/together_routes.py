"""Several reviews at once: those that are alike, and in the shapes of other people's clients."""

from collections import Counter
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request

from baton.core import InvalidValue, random_id
from baton.ledger import DecisionKind
from baton.review import Answer
from baton.review.wire import Shape, apply, decode
from baton.server.callers import Reviewer, Viewer, baton_of
from baton.server.review_routes import CHANNEL, outcome_json
from baton.server.shapes import AnsweredTogether, Id, WireAnswered

router = APIRouter(tags=["reviews"])


@router.post("/decide-together")
async def decide_together(said: AnsweredTogether, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Give one answer to questions that are alike; says of each what became of it."""
    baton = baton_of(request)
    _once([one.review for one in said.reviews])
    seen = [replace(await baton.reviews.get(one.review), version=one.version) for one in said.reviews]
    answer = Answer(
        kind=DecisionKind(said.decision),
        by=caller.name,
        note=said.note,
        channel=CHANNEL,
        hold=said.hold,
        identity=caller.identity,
    )
    came = await baton.reviews.decide_alike(seen, answer)
    return {"outcomes": [outcome_json(one.id, what) for one, what in zip(seen, came, strict=True)]}


@router.get("/wire")
async def wire_request(
    request: Request,
    caller: Viewer,
    review: Annotated[list[Id], Query(min_length=1, max_length=50)],
    shape: Shape = "batched",
) -> Any:
    """Reviews as clients of LangChain's human-in-the-loop middleware or of Agent Inbox read them."""
    return await baton_of(request).wire_request(*review, shape=shape)


@router.post("/wire")
async def wire_answer(said: WireAnswered, request: Request, caller: Reviewer) -> dict[str, Any]:
    """Take such a client's answer, in any of the shapes, and decide the reviews, each by itself."""
    baton = baton_of(request)
    _once(said.reviews)
    known = [await baton.reviews.get(review) for review in said.reviews]
    delivery = said.delivery or random_id("dlv")
    answers = decode(known, said.answer, by=caller.name, channel=CHANNEL, delivery=delivery)
    identified = [(review, replace(answer, identity=caller.identity)) for review, answer in answers]
    came = await apply(baton.decide, identified)
    return {"outcomes": [outcome_json(one.review, one.error or one.decision) for one in came]}


def _once(reviews: list[str]) -> None:
    """Refuse a review that is named twice.

    Raises:
        InvalidValue: if one is.
    """
    twice = [name for name, count in Counter(reviews).items() if count > 1]
    if twice:
        raise InvalidValue("reviews", ", ".join(twice), "each once")
