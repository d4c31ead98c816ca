"""The pages of reviews. They only show; what people do on them goes through the API."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core import Role
from baton.ledger import ReviewKind, Transaction, reviews
from baton.server.callers import Caller, Viewer, baton_of
from baton.server.pages.look import SHOWN, around, page
from baton.server.pages.reviewing import PAGE, VIEWS, Chosen, View, chosen, listed, read_alike
from baton.server.shapes import Id

router = APIRouter(include_in_schema=False)

_KEYS = (
    ("j k", "the next one, the one before"),
    ("Enter", "open it"),
    ("n", "take the one that is the most urgent for you"),
    ("a", "approve; what is grave asks once more"),
    ("e", "approve with other arguments"),
    ("r", "say no, with the reason"),
    ("w", "answer in words"),
    ("c", "claim it, or give it back"),
    ("x", "choose all that ask for the very same"),
    ("m", "say something to other people"),
    ("b", "ask the agent back"),
    ("d", "give it to somebody else"),
    ("s", "put it off for an hour"),
    ("u", "take the last decision back, as long as it is held"),
    ("Esc", "close what is open"),
)

Most = Annotated[int, Query(ge=1, le=1000)]


@router.get("/reviews")
async def list_page(request: Request, caller: Viewer) -> HTMLResponse:
    """The queue, nothing chosen."""
    return await _page(request, caller, None)


@router.get("/reviews/{review}")
async def review_page(review: Id, request: Request, caller: Viewer) -> HTMLResponse:
    """The queue with a question of it."""
    return await _page(request, caller, review)


@router.get("/parts/reviews")
async def list_part(request: Request, caller: Viewer, after: Id | None = None, most: Most = PAGE) -> HTMLResponse:
    """The list, or what comes behind its page."""
    view = _view(request)
    found = await baton_of(request).ledger.read(lambda tx: listed(tx, view, caller.name, after, most))
    more = after is not None
    return page(request, "parts/review_list.html", caller, listed=found, view=view, part_of_more=more, chosen=None)


@router.get("/parts/reviews/{review}")
async def review_part(review: Id, request: Request, caller: Viewer) -> HTMLResponse:
    """The chosen question."""
    return page(request, "parts/review.html", caller, **await _shown(request, caller, review), view=_view(request))


@router.get("/parts/waiting")
async def waiting_part(request: Request, caller: Viewer) -> HTMLResponse:
    """How many questions are open."""
    waiting = await baton_of(request).ledger.read(reviews.count_waiting)
    return page(request, "parts/waiting.html", caller, waiting=waiting)


async def _page(request: Request, caller: Caller, id: str | None) -> HTMLResponse:
    view, house = _view(request), await around(request)
    shown: dict[str, Any] = {"chosen": None} if id is None else await _shown(request, caller, id)
    found = await baton_of(request).ledger.read(lambda tx: listed(tx, view, caller.name))
    shown |= {"may_decide": may_decide(caller), "view": view, "views": VIEWS, "keys": _KEYS, "part_of_more": False}
    return page(request, "reviews.html", caller, listed=found, **house, **shown)


async def _shown(request: Request, caller: Caller, id: str) -> dict[str, Any]:
    """What a template shows of a question."""
    baton = baton_of(request)
    known = await baton.reviews.get(id)
    groups = known.open and known.kind is ReviewKind.ACTION and may_decide(caller)
    found = await baton.reviews.alike(known.id, caller.name) if groups else []

    def read(tx: Transaction) -> tuple[Chosen, float]:
        return chosen(tx, known.id, read_alike(tx, found)), tx.now

    shown, now = await baton.ledger.read(read)
    return {"chosen": shown, "now": now, "may_decide": may_decide(caller), "most_shown": SHOWN}


def may_decide(caller: Caller) -> bool:
    """Whether somebody may decide questions at all."""
    return caller.role >= Role.REVIEWER and not caller.agent


def _view(request: Request) -> View:
    return View.of(dict(request.query_params))
