"""Who asks: found by what they show, a key or the cookie of a session, as things stand now."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from baton.app import Baton
from baton.core import AGENT, LOCAL, Forbidden, Role, SignInNeeded, format_time, read_role
from baton.ledger import Transaction, accounts, credentials, people
from baton.ledger.accounts import Account
from baton.ledger.credentials import Credential, CredentialKind
from baton.review import Identity
from baton.server.door import is_loopback
from baton.server.service import service_of

COOKIE = "baton_session"
CSRF = "x-csrf-token"
"""The header that shows, beside the cookie, that a page of ours asks for a change."""

_SAFE = ("GET", "HEAD", "OPTIONS")

_BEARER = HTTPBearer(auto_error=False, description="A key of `baton keys create`.")
_KEY = APIKeyHeader(name="x-api-key", auto_error=False, description="A key, as some clients send it.")
_SESSION = APIKeyCookie(
    name=COOKIE, auto_error=False, description=f"A session. Whatever is not a GET also takes the header {CSRF}."
)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        person: Whose account it is.
        role: What may be done: what the account may, or less by a key.
        agent: Whether an agent asks, by a key of this person: it decides nothing.
        acts_as: Their name and roles, among which the reviewers of a question are looked for; None is anybody's.
        credential: The id of what they showed.
        address: Where they are.
        tenant: Whose runs and questions are there for them; None is everybody's.
    """

    person: str
    role: Role
    agent: bool
    acts_as: frozenset[str] | None
    credential: str
    address: str
    tenant: str | None = None

    @property
    def name(self) -> str:
        """As what they do is known by."""
        return f"agent:{self.person}" if self.agent else self.person

    @property
    def identity(self) -> Identity:
        """As a decision notes it."""
        return Identity(credential=self.credential, acts_as=self.acts_as, address=self.address)

    def need(self, role: Role, what: str) -> None:
        """Go on only where the caller has this role.

        Raises:
            Forbidden: if they have not.
        """
        if self.agent and role > Role.REQUESTER:
            raise Forbidden(self.name, what, "an agent never decides; a person does")
        if self.role < role:
            raise Forbidden(self.name, what, f"that takes the role {role.word}, and this is {self.role.word}")

    def need_all(self, what: str) -> None:
        """Go on only where the caller sees what is of all tenants.

        Raises:
            Forbidden: if they are of one.
        """
        if self.tenant is not None:
            raise Forbidden(self.name, what, f"it is of all tenants, and this account is of {self.tenant}")


def csrf_of(secret: str) -> str:
    """What the header must say beside a session's cookie, which other sites can have sent and cannot read."""
    return hashlib.sha256(b"csrf " + secret.encode("utf-8", "replace")).hexdigest()


def known(tx: Transaction, secret: str, kind: CredentialKind, address: str) -> Caller:
    """Who shows this.

    Raises:
        SignInNeeded: if it is forged, expired or revoked, or its account is gone.
    """
    shown = credentials.shown(tx, secret, kind)
    if shown is None:
        raise SignInNeeded(f"this {kind} was not made here")
    return _who(tx, shown, address)


def still_holds(tx: Transaction, credential: str) -> None:
    """Go on only while what somebody showed holds.

    Raises:
        SignInNeeded: if it does not any more.
    """
    shown = credentials.get(tx, credential)
    if shown is None:
        raise SignInNeeded("it was not made here")
    _who(tx, shown, "")


def _who(tx: Transaction, shown: Credential, address: str) -> Caller:
    kind = shown.kind
    if shown.ended_at is not None:
        raise SignInNeeded(f"this {kind} was ended at {format_time(shown.ended_at)}")
    if tx.now >= shown.expires:
        raise SignInNeeded(f"this {kind} has expired at {format_time(shown.expires)}")
    return _alone(tx, shown, address) if shown.scope == LOCAL else _with_account(tx, shown, address)


def same_origin(request: Request) -> None:
    """Go on only where a page of ours asks, or no browser.

    Raises:
        Forbidden: if another site does.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise Forbidden("a page of another site", f"{request.method} {request.url.path}", f"it is {origin[:100]!r}")


def address_of(request: Request) -> str:
    """Where a request comes from; empty where nobody knows."""
    return request.client.host if request.client else ""


def secret_of(request: Request) -> str | None:
    """The cookie of a session; None where there is none."""
    return request.cookies.get(COOKIE)


def by_key(request: Request) -> bool:
    """Whether a program asks, which shows a key; else it is a browser."""
    return "authorization" in request.headers or "x-api-key" in request.headers


async def caller_of(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    key: Annotated[str | None, Security(_KEY)],
    cookie: Annotated[str | None, Security(_SESSION)],
) -> Caller:
    """Who asks.

    Raises:
        SignInNeeded: if nobody knows.
        Forbidden: if a browser asks for a change that no page of ours has.
        TooManyRequests: if they ask too often.
    """
    kind: CredentialKind = "key" if by_key(request) else "session"
    secret = (bearer.credentials if bearer else key) if kind == "key" else cookie
    if not secret:
        raise SignInNeeded("nobody is signed in" if kind == "session" else "that is no bearer's key")
    address = address_of(request)
    caller = await service_of(request).baton.ledger.read(lambda tx: known(tx, secret, kind, address))
    service_of(request).pace.ask(caller.person)
    request.state.caller = caller
    if kind == "session" and request.method not in _SAFE:
        same_origin(request)
        if not hmac.compare_digest(request.headers.get(CSRF, "").encode(), csrf_of(secret).encode()):
            what = f"{request.method} {request.url.path}"
            raise Forbidden(caller.name, what, f"the header {CSRF} is missing or wrong; GET api/v1/session gives it")
    return caller


def baton_of(request: Request) -> Baton:
    """Baton as whoever asks sees it: with what is of their tenant. It is known already who asks."""
    caller: Caller = request.state.caller
    return service_of(request).baton.within(caller.tenant)


def need(role: Role, *, of_all: bool = False) -> Any:
    """A dependency that gives the caller, who has at least this role, and sees all tenants' where it is `of_all`."""

    async def check(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
        what = f"{request.method} {request.url.path}"
        caller.need(role, what)
        if of_all:
            caller.need_all(what)
        return caller

    return Depends(check)


Viewer = Annotated[Caller, need(Role.VIEWER)]
Requester = Annotated[Caller, need(Role.REQUESTER)]
Reviewer = Annotated[Caller, need(Role.REVIEWER)]

AllViewer = Annotated[Caller, need(Role.VIEWER, of_all=True)]
"""Whoever sees what is of all tenants."""

AllOwner = Annotated[Caller, need(Role.OWNER, of_all=True)]
AllAdmin = Annotated[Caller, need(Role.ADMIN, of_all=True)]


def acts_as(tx: Transaction, name: str) -> tuple[Account, frozenset[str]]:
    """The account of this name, and the name and roles that they have now.

    Raises:
        SignInNeeded: if there is no such account.
    """
    account = accounts.find(tx, name)
    if account is None:
        raise SignInNeeded(f"{name} has no account")
    roster = people.roster(tx)
    named = (roster.acts_as(name, tx.now) if roster is not None else None) or frozenset()
    return account, account.acts_as | named | {name}


def _with_account(tx: Transaction, shown: Credential, address: str) -> Caller:
    account, names = acts_as(tx, shown.person)
    agent = shown.scope == AGENT
    most = Role.REQUESTER if agent else account.role if shown.scope is None else read_role(shown.scope)
    return Caller(
        person=shown.person,
        role=min(account.role, most),
        agent=agent,
        acts_as=names,
        credential=shown.id,
        address=address,
        tenant=account.tenant,
    )


def _alone(tx: Transaction, shown: Credential, address: str) -> Caller:
    if accounts.there_are(tx):
        raise SignInNeeded("there are accounts now")
    if address and not is_loopback(address):
        raise SignInNeeded(f"who works alone does so at this machine, and not from {address}")
    return Caller(person=shown.person, role=Role.ADMIN, agent=False, acts_as=None, credential=shown.id, address=address)
