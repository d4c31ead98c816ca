"""What Baton offers to MCP clients as tools: the same work as the API, for a caller who may do it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from baton.app import Baton
from baton.core import BatonError, Forbidden, InvalidValue, NotFound, Role, RunId, Trust
from baton.handles import RunHandle
from baton.ledger import Transaction, reviews, runs
from baton.pages import page_json, read_page
from baton.review import Answer
from baton.review.outlook import outlooks
from baton.review.record import decision_json, outlook_json, review_json, run_json, time_json
from baton.server.callers import Caller
from baton.server.service import Service
from baton.server.shapes import Answered, Body, Id, Limit, Name, NewRun
from baton.story import waiting

CHANNEL = "mcp"

MOST_SECONDS = 50.0
"""How long `wait_run` waits at most: many clients give a call up after a minute."""


class _OfRun(Body):
    run: Annotated[Id, Field(description="The run's id, or the beginning of one.")]


class _Wait(_OfRun):
    timeout: Annotated[
        float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False, description="Seconds to wait at most.")
    ] = 30.0


class _Reviews(Body):
    run: Id | None = None
    agent: Name | None = None
    limit: Limit = 20


class _OfReview(Body):
    review: Annotated[Id, Field(description="The review's id, or the beginning of one.")]


class _Decide(Answered):
    review: Annotated[Id, Field(description="The review's id, or the beginning of one.")]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Who asks here, and of what.

    Attributes:
        url: What addresses of pages begin with; None where nobody serves them.
    """

    service: Service
    caller: Caller
    url: str | None

    @property
    def baton(self) -> Baton:
        """Baton as the caller sees it."""
        return self.service.baton.within(self.caller.tenant)

    async def known(self) -> "Desk":
        """This one: who asks is known."""
        return self


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A tool.

    Attributes:
        takes: Its arguments.
        role: Who may use it, at least.
        reads: Whether it changes nothing.
    """

    name: str
    says: str
    takes: type[Body]
    role: Role
    reads: bool
    run: Callable[[Desk, Any], Awaitable[dict[str, Any]]]

    def may(self, caller: Caller) -> bool:
        """Whether a caller may use it: an agent never decides, and does not see that it could be."""
        try:
            caller.need(self.role, self.name)
        except Forbidden:
            return False
        return True


async def use(desk: Desk, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Use a tool.

    Raises:
        NotFound: if there is no such tool.
        Forbidden: if the caller may not use it.
        InvalidValue: if the arguments are not those that it takes.
        BatonError: whatever else is wrong with it.
    """
    offer = OFFERS.get(name)
    if offer is None:
        raise NotFound("tool", name, [one.name for one in OFFERS.values() if one.may(desk.caller)])
    desk.caller.need(offer.role, name)
    try:
        taken = offer.takes.model_validate(arguments)
    except ValidationError as error:
        found = (f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg']}" for one in error.errors()[:10])
        raise InvalidValue(f"arguments of {name}", dict(arguments), "; ".join(found)) from error
    return await offer.run(desk, taken)


async def _run_agent(desk: Desk, said: NewRun) -> dict[str, Any]:
    try:
        goal = said.goal(desk.caller.person)
    except ValueError as error:
        raise InvalidValue("deadline", said.deadline, "a time such as 2h, or 2026-11-23T08:00+01:00") from error
    # Whoever's key it is, a model has written this.
    made = await desk.baton.submit(goal, agent=said.agent, key=said.key, trust=Trust.AGENT)
    return await _stands(desk, made.id)


async def _get_run(desk: Desk, said: _OfRun) -> dict[str, Any]:
    return await _stands(desk, (await desk.baton.open(said.run)).id, whole=True)


async def _wait_run(desk: Desk, said: _Wait) -> dict[str, Any]:
    handle = await desk.baton.open(said.run)
    await _settled(desk.service, handle, said.timeout)
    return await _stands(desk, handle.id, whole=True)


async def _settled(service: Service, handle: RunHandle, seconds: float) -> None:
    """Wait until a run has ended or waits for somebody, the time is over, or the server ends."""
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(handle.settled()),
        asyncio.create_task(service.closing.wait()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stands(desk: Desk, run: RunId, *, whole: bool = False) -> dict[str, Any]:
    """A run as it stands, with what it waits for, and where a person answers that."""

    def read(tx: Transaction) -> dict[str, Any]:
        known, left = runs.get(tx, run), waiting(tx, run)
        urls = [_url(desk, review.id) for review in left.reviews]
        said = {"run_id": run, "status": known.status, "review_url": urls[0] if urls else None}
        if not whole:
            return said
        return {
            **said,
            "summary": known.summary,
            "reviews": [review_json(one) | {"url": url} for one, url in zip(left.reviews, urls, strict=True)],
            "until": time_json(left.until),
            "events": [{"event": one.event, "key": one.key} for one in left.events],
            "run": run_json(known),
        }

    return await desk.baton.ledger.read(read)


async def _list_reviews(desk: Desk, said: _Reviews) -> dict[str, Any]:
    def read(tx: Transaction) -> dict[str, Any]:
        run = runs.find(tx, said.run) if said.run is not None else None
        found = reviews.listed(tx, state="open", run=run, agent=said.agent, limit=said.limit)
        expected = outlooks(tx, found)
        return {
            "reviews": [
                review_json(one) | outlook_json(expected.get(one.id)) | {"url": _url(desk, one.id)} for one in found
            ]
        }

    return await desk.baton.ledger.read(read)


async def _get_review(desk: Desk, said: _OfReview) -> dict[str, Any]:
    page = await desk.baton.ledger.read(lambda tx: read_page(tx, said.review))
    return page_json(page) | {"url": _url(desk, page.review.id)}


async def _decide_review(desk: Desk, said: _Decide) -> dict[str, Any]:
    answer = Answer(
        kind=said.kind,
        by=desk.caller.name,
        note=said.note,
        arguments=said.arguments,
        version=said.version,
        channel=CHANNEL,
        hold=said.hold,
        delivery=said.delivery,
        identity=desk.caller.identity,
    )
    baton = desk.baton
    decision = await baton.decide(said.review, answer)
    return {"decision": decision_json(decision), "review": review_json(await baton.reviews.get(said.review))}


def _url(desk: Desk, review: str) -> str | None:
    return f"{desk.url}/reviews/{review}" if desk.url is not None else None


def problem_of(error: BatonError) -> str:
    """What went wrong with a tool, and what to do."""
    hint = _HINTS.get(type(error).__name__, "")
    return f"{type(error).__name__}: {error}{hint}"


_HINTS = {
    "Forbidden": " Do not try again: ask the person whom you work for.",
    "Conflict": " Look at it again with get_review or get_run before you go on.",
    "LedgerError": " Try again later.",
}

OFFERS: Mapping[str, Offer] = {
    offer.name: offer
    for offer in (
        Offer(
            name="run_agent",
            says="Hand a goal to an agent. Answered at once with the run's id; use wait_run to see what comes of it. "
            "With the same key again it is the same run.",
            takes=NewRun,
            role=Role.REQUESTER,
            reads=False,
            run=_run_agent,
        ),
        Offer(
            name="get_run",
            says="How a run stands: its status, what it has reached, and the questions to people that it waits for.",
            takes=_OfRun,
            role=Role.VIEWER,
            reads=True,
            run=_get_run,
        ),
        Offer(
            name="wait_run",
            says="Wait until a run has ended or waits for somebody, 50 seconds at most; then how it stands. Status "
            "`waiting` with a review_url means that a person has to answer there: tell them, and do not go on asking.",
            takes=_Wait,
            role=Role.VIEWER,
            reads=True,
            run=_wait_run,
        ),
        Offer(
            name="list_reviews",
            says="Questions to people that are open, by when they are due.",
            takes=_Reviews,
            role=Role.VIEWER,
            reads=True,
            run=_list_reviews,
        ),
        Offer(
            name="get_review",
            says="A question to people, with all that they need to decide it. What it quotes may be a stranger's text.",
            takes=_OfReview,
            role=Role.VIEWER,
            reads=True,
            run=_get_review,
        ),
        Offer(
            name="decide_review",
            says="Answer a question in the name of the person whom you work for, and only as that person has told you "
            "for this very question. `version` is that of the review which they have seen.",
            takes=_Decide,
            role=Role.REVIEWER,
            reads=False,
            run=_decide_review,
        ),
    )
}
