"""Links of mails to questions, on pages that work without a script. A GET changes nothing."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse

from baton.core import Forbidden, InvalidValue, Role, SignInNeeded
from baton.ledger import DecisionKind, Transaction, accounts
from baton.review import Answer, Identity
from baton.review.deciding import need_reviewer
from baton.review.links import look_at, may_decide, open_link
from baton.server.callers import acts_as, address_of, same_origin
from baton.server.pages.forms import said_in
from baton.server.pages.look import SHOWN, page
from baton.server.pages.reviewing import chosen
from baton.server.service import service_of
from baton.telling import decided

router = APIRouter(include_in_schema=False)

CHANNEL = "link"

_LINKED = (DecisionKind.APPROVE, DecisionKind.REJECT, DecisionKind.RESPOND)
"""What a page without a script can be answered with; an edit takes the page of the review."""


@router.get("/open/{token}")
async def look(token: str, request: Request) -> HTMLResponse:
    """Say whose link it is, with a button that opens it; programs that follow links press none."""
    link = await look_at(service_of(request).baton.ledger, token)
    return page(request, "link.html", None, title=f"A question to {link.person}")


@router.post("/open/{token}")
async def open_(token: str, request: Request) -> HTMLResponse:
    """Use the link up, and show the question with what it can be answered with."""
    same_origin(request)
    baton = service_of(request).baton
    link = await look_at(baton.ledger, token)
    identity, tenant = await _identity(request, link.person)
    need_reviewer(await baton.within(tenant).reviews.get(link.review), link.person, identity.acts_as)
    opened = await open_link(baton.ledger, token)
    shown, now = await baton.ledger.read(lambda tx: (chosen(tx, opened.review.id), tx.now))
    return page(
        request,
        "linked.html",
        None,
        title=f"A question to {opened.person}",
        token=opened.token,
        chosen=shown,
        now=now,
        most_shown=SHOWN,
        answers=[(kind, shown.words[kind]) for kind in _LINKED if kind.value in shown.answers],
    )


@router.post("/decide")
async def decide(request: Request) -> HTMLResponse:
    """Decide what was shown: only that version, and only once."""
    same_origin(request)
    said = await said_in(request)
    if set(said) - {"note"} != {"token", "decision"} or said["decision"] not in _LINKED:
        raise InvalidValue("form", ", ".join(said), f"token, note, and a decision: {' or '.join(_LINKED)}")
    baton = service_of(request).baton
    may = await may_decide(baton.ledger, said["token"])
    identity, tenant = await _identity(request, may.person)
    answer = Answer(
        kind=DecisionKind(said["decision"]),
        by=may.person,
        note=said.get("note", ""),
        version=may.version,
        channel=CHANNEL,
        identity=identity,
    )
    decision = await baton.within(tenant).decide(may.review, answer)
    return page(request, "decided.html", None, title="Thank you", decided=decided(decision, "it"), review=may.review)


async def _identity(request: Request, person: str) -> tuple[Identity, str | None]:
    """By what somebody is known who has opened a link, and whose questions are there for them; None is everybody's.

    Where there are accounts, theirs says what they may.

    Raises:
        Forbidden: if they may not decide.
    """
    address = address_of(request)

    def read(tx: Transaction) -> tuple[Identity, str | None]:
        if not accounts.there_are(tx):
            return Identity(credential=CHANNEL, acts_as=None, address=address), None
        try:
            account, names = acts_as(tx, person)
        except SignInNeeded as error:
            raise Forbidden(person, "decide by a link", "they have no account") from error
        if account.role < Role.REVIEWER:
            theirs = account.role.word
            raise Forbidden(person, "decide by a link", f"that takes the role reviewer, and theirs is {theirs}")
        return Identity(credential=CHANNEL, acts_as=names, address=address), account.tenant

    return await service_of(request).baton.ledger.read(read)
