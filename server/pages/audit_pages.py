"""The page of what ran alone and waits to be looked back at. It only shows; what people say goes through the API."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core.texts import one_line
from baton.ledger.audits import Audit
from baton.rows import Row
from baton.server.callers import Caller, Viewer, baton_of
from baton.server.pages.look import around, page
from baton.server.pages.review_pages import may_decide
from baton.server.pages.reviewing import VIEWS

router = APIRouter(include_in_schema=False)

_SHOWN = 50
"""Actions that are shown, the oldest first."""


@dataclass(frozen=True)
class Looked:
    """An action to look back at.

    Attributes:
        arguments: What it was called with, by name.
        result: What it gave.
        rows: What else is known of it.
    """

    audit: Audit
    arguments: dict[str, Any]
    result: str
    rows: list[Row]


@router.get("/audits")
async def audits_page(request: Request, caller: Viewer) -> HTMLResponse:
    """What waits to be looked back at."""
    house = await around(request)
    return page(request, "audits.html", caller, **house, **await _shown(request, caller), views=VIEWS)


@router.get("/parts/audits")
async def audits_part(request: Request, caller: Viewer) -> HTMLResponse:
    """The list."""
    return page(request, "parts/audits.html", caller, **await _shown(request, caller))


async def _shown(request: Request, caller: Caller) -> dict[str, Any]:
    baton = baton_of(request)
    waiting = await baton.audits.waiting()
    shown = [_looked(one) for one in waiting[:_SHOWN]]
    more = max(0, len(waiting) - _SHOWN)
    return {"audits": shown, "more": more, "now": baton.ledger.clock.now(), "may_decide": may_decide(caller)}


def _looked(audit: Audit) -> Looked:
    question = audit.question
    rows = [Row("class", one_line(audit.kind))]
    if question.get("confidence") is not None:
        rows.append(Row("confidence", f"{question['confidence']:.2f}, as the agent itself says"))
    if question.get("reason"):
        rows.append(Row("agent says", f"“{one_line(str(question['reason']), 400)}”", "said"))
    if audit.look > 1:
        rows.append(Row("look", "somebody else has looked already; what they said is not shown"))
    return Looked(audit, dict(question.get("arguments") or {}), str(question.get("result") or ""), rows)
