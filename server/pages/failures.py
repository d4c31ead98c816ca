"""What went wrong, for whoever looks at a page."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from baton.server.failing import Failed
from baton.server.pages.look import page, wants_page
from baton.server.pages.sign_in import way_in

_TITLES = {
    403: "You may not do this",
    404: "There is no such page",
    409: "That has changed meanwhile",
    422: "That is not possible",
    503: "The record cannot be used now",
}


def show_failure(request: Request, said: Failed) -> Response | None:
    """A page that says it; who is not signed in is asked to. None where a program asks, or a part of a page."""
    if not wants_page(request) or "/api/" in request.url.path:
        return None
    if said.status == 401 and request.method == "GET":
        return RedirectResponse(way_in(request), 303)
    title = _TITLES.get(said.status, "Something went wrong")
    response = page(request, "failure.html", None, said.status, title=title, message=said.message)
    response.headers.update(said.headers)
    return response
