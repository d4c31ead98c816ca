"""The first pages, of plain HTML without a script: signing in, and links to questions. A GET changes nothing."""

import html
import json
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from baton.core import Forbidden, InvalidValue, Role, SignInNeeded
from baton.ledger import DecisionKind, Review, accounts
from baton.pages import page_json, read_page
from baton.review import Answer, Identity
from baton.review.deciding import answers_to, need_reviewer
from baton.review.links import look_at, may_decide, open_link
from baton.review.record import decision_json
from baton.server.callers import Viewer, acts_as, address_of, same_origin
from baton.server.service import service_of
from baton.server.session_routes import enter
from baton.server.shapes import Id, SignIn

router = APIRouter(include_in_schema=False)

CHANNEL = "link"

_LINKED = (DecisionKind.APPROVE, DecisionKind.REJECT, DecisionKind.RESPOND)
"""What a page without a script can be answered with; an edit takes the API."""


@router.get("/sign-in")
async def sign_in_page(request: Request, token: str = "") -> HTMLResponse:
    """A form: with a token a button, without one for name and password."""
    if token:
        return _page("Sign in", _form(_hidden("token", token), "Sign in"))
    name = '<label>Name <input name="name" autocomplete="username" required></label>'
    password = (
        '<label>Password <input name="password" type="password" autocomplete="current-password" required></label>'
    )
    return _page("Sign in", _form(name + password, "Sign in"))


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Make a session, and show who is signed in."""
    same_origin(request)
    said = await _said(request)
    if not set(said) <= {"name", "password", "token"} or not ("token" in said or {"name", "password"} <= set(said)):
        raise InvalidValue("form", ", ".join(said), "name and password, or token")
    response = RedirectResponse(f"{service_of(request).base_path}/api/v1/session", 303)
    await enter(SignIn(**said), request, response)
    return response


@router.get("/reviews/{review}")
async def review_(review: Id, request: Request, caller: Viewer) -> dict[str, Any]:
    """A review with all that a person needs to decide it: where links without a token lead."""
    return page_json(await service_of(request).baton.ledger.read(lambda tx: read_page(tx, review)))


@router.get("/open/{token}")
async def look(token: str, request: Request) -> HTMLResponse:
    """Say whose link it is, with a button that opens it; programs that follow links press none."""
    link = await look_at(service_of(request).baton.ledger, token)
    return _page(f"A question to {link.person}", _form("", "Show it"))


@router.post("/open/{token}")
async def open_(token: str, request: Request) -> HTMLResponse:
    """Use the link up, and show the question with what it can be answered with."""
    same_origin(request)
    baton = service_of(request).baton
    link = await look_at(baton.ledger, token)
    identity = await _identity(request, link.person)
    need_reviewer(await baton.reviews.get(link.review), link.person, identity.acts_as)
    opened = await open_link(baton.ledger, token)
    page = await baton.ledger.read(lambda tx: read_page(tx, opened.review.id))
    asked = html.escape(json.dumps(page_json(page), indent=2, ensure_ascii=False, default=str))
    return _page(
        f"A question to {opened.person}", f"<pre>{asked}</pre>" + _answers(request, opened.review, opened.token)
    )


@router.post("/decide")
async def decide(request: Request) -> dict[str, Any]:
    """Decide what was shown: only that version, and only once."""
    same_origin(request)
    said = await _said(request)
    if set(said) - {"note"} != {"token", "decision"} or said["decision"] not in _LINKED:
        raise InvalidValue("form", ", ".join(said), f"token, note, and a decision: {' or '.join(_LINKED)}")
    baton = service_of(request).baton
    may = await may_decide(baton.ledger, said["token"])
    answer = Answer(
        kind=DecisionKind(said["decision"]),
        by=may.person,
        note=said.get("note", ""),
        version=may.version,
        channel=CHANNEL,
        identity=await _identity(request, may.person),
    )
    return {"decision": decision_json(await baton.decide(may.review, answer))}


async def _identity(request: Request, person: str) -> Identity:
    """By what somebody is known who has opened a link: where there are accounts, theirs says what they may.

    Raises:
        Forbidden: if they may not decide.
    """
    address = address_of(request)

    def read(tx: Any) -> Identity:
        if not accounts.there_are(tx):
            return Identity(credential=CHANNEL, acts_as=None, address=address)
        try:
            role, names = acts_as(tx, person)
        except SignInNeeded as error:
            raise Forbidden(person, "decide by a link", "they have no account") from error
        if role < Role.REVIEWER:
            raise Forbidden(person, "decide by a link", f"that takes the role reviewer, and theirs is {role.word}")
        return Identity(credential=CHANNEL, acts_as=names, address=address)

    return await service_of(request).baton.ledger.read(read)


async def _said(request: Request) -> dict[str, str]:
    """The fields of a form, each given once."""
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise InvalidValue("form", "…", "fields as a browser sends them") from error
    twice = [name for name, values in fields.items() if len(values) > 1 or "\0" in values[0]]
    if twice:
        raise InvalidValue("form", ", ".join(twice), "each field once, without NUL")
    return {name: values[0] for name, values in fields.items()}


def _answers(request: Request, review: Review, token: str) -> str:
    action = f"{service_of(request).base_path}/decide"
    note = '<label>Note <textarea name="note"></textarea></label>'
    kinds = [kind for kind in answers_to(review.kind) if kind in _LINKED]
    return "".join(
        _form(_hidden("token", token) + _hidden("decision", kind.value) + note, kind.value.capitalize(), action)
        for kind in kinds
    )


def _page(title: str, body: str) -> HTMLResponse:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    shown = html.escape(title)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head>{head}<title>{shown}</title></head>'
        f"<body><main><h1>{shown}</h1>{body}</main></body></html>"
    )


def _form(fields: str, button: str, action: str = "") -> str:
    where = f' action="{html.escape(action)}"' if action else ""
    return f'<form method="post"{where}>{fields}<button>{html.escape(button)}</button></form>'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
