"""How pages are made: templates in which every value that is not markup of ours becomes harmless text."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core import format_duration, format_time
from baton.core.texts import one_line, safe
from baton.ledger import Transaction, events, reviews
from baton.server.callers import Caller, baton_of
from baton.server.pages.markdown import rendered
from baton.server.pages.static import static_path
from baton.server.service import service_of

SHOWN = 20_000
"""Characters of one text that are shown; a link leads to the rest."""

_HERE = Path(__file__).parent


def page(request: Request, template: str, caller: Caller | None, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a part of one, made of a template.

    Args:
        request: What it answers.
        template: Its file under `templates/`.
        caller: Who looks at it; None where nobody is signed in.
        status: Of the answer.
        values: What the template names.
    """
    base = service_of(request).base_path
    common = {"base": base, "static": f"{base}{static_path()}", "caller": caller, "here": request.url.path}
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(common | values), status)


def wants_page(request: Request) -> bool:
    """Whether somebody looks at it, rather than a program."""
    return "text/html" in request.headers.get("accept", "")


async def around(request: Request) -> dict[str, Any]:
    """What is around every page: how many questions are open, and behind which event changes are told.

    It is read before what the page shows, so that nothing in between is missed.
    """

    def read(tx: Transaction) -> dict[str, Any]:
        xact, id = events.last(tx)
        return {"waiting": reviews.count_waiting(tx), "mark": f"{xact}-{id}"}

    return await baton_of(request).ledger.read(read)


def _harmless(value: Any) -> Any:
    """What is written of a value: nothing of None, and of a text nothing that hides or turns what is around it."""
    if value is None:
        return ""
    return safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _clip(text: str, most: int = SHOWN) -> str:
    """The beginning of a long text, and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}\n… {len(text) - most:,} more characters"


def _ago(at: float, now: float) -> str:
    """How long a time is past, or still to come."""
    return f"{format_duration(now - at)} ago" if now >= at else f"in {format_duration(at - now)}"


def _clock(at: float, start: float, end: float) -> str:
    """A time of a stretch of time, as exact as the stretch asks for, in UTC."""
    moment = datetime.fromtimestamp(at, UTC)
    if end - start > 36 * 3600:
        return moment.strftime("%d %b %H:%M")
    return moment.strftime("%H:%M:%S" if end - start > 60 else "%H:%M:%S.%f")[:10]


def _shown(value: Any) -> str:
    """A value as people read it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_harmless,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS: dict[str, Any] = {
    "ago": _ago,
    "clip": _clip,
    "clock": _clock,
    "duration": format_duration,
    "markdown": rendered,
    "one_line": one_line,
    "shown": _shown,
    "time": format_time,
}
_ENVIRONMENT.filters.update(_FILTERS)
