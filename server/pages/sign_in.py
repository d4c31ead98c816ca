"""Signing in, by a form that works without a script. A GET changes nothing."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from baton.core import Conflict, InvalidValue, Role, SignInNeeded, TooManyTries
from baton.server.callers import Viewer, same_origin
from baton.server.pages.forms import said_in
from baton.server.pages.look import page, wants_page
from baton.server.service import service_of
from baton.server.session_routes import enter
from baton.server.shapes import SignIn

router = APIRouter(include_in_schema=False)

_FIELDS = {"name", "password", "token", "next"}


@router.get("/")
async def first(request: Request, caller: Viewer) -> RedirectResponse:
    """Where somebody begins: reviewers with what waits for them, others with their runs."""
    where = "reviews" if caller.role >= Role.REVIEWER else "runs"
    return RedirectResponse(f"{service_of(request).base_path}/{where}", 303)


@router.get("/sign-in")
async def sign_in_page(request: Request, token: str = "", next: str = "") -> HTMLResponse:
    """A form: with a token a button, without one for name and password."""
    return _form(request, token=token, next=next)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Make a session, and lead on to where somebody wanted to go; what was wrong is said beside the form."""
    same_origin(request)
    said = await said_in(request)
    if not set(said) <= _FIELDS or not ("token" in said or {"name", "password"} <= set(said)):
        raise InvalidValue("form", ", ".join(said), "name and password, or token")
    following = said.pop("next", "")
    response = RedirectResponse(service_of(request).base_path + _inside(following), 303)
    try:
        await enter(SignIn(**said), request, response)
    except (SignInNeeded, TooManyTries, Conflict) as error:
        if not wants_page(request):
            raise
        status = {SignInNeeded: 401, TooManyTries: 429, Conflict: 409}[type(error)]
        return _form(request, next=following, failed=str(error), status=status)
    return response


def way_in(request: Request) -> str:
    """Where somebody signs in who then comes back to what they asked for."""
    base, path = service_of(request).base_path, request.url.path
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{base}/sign-in?next={quote(path.removeprefix(base) + query)}"


def _form(request: Request, *, token: str = "", next: str = "", failed: str = "", status: int = 200) -> HTMLResponse:
    shown = {"title": "Sign in", "token": token, "next": next, "failed": failed}
    return page(request, "sign_in.html", None, status, **shown)


def _inside(path: str) -> str:
    """A path of ours, whatever an address says."""
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours else "/"
