"""Links that open a review for one person: signed, for a while, once. Opening one shows; it never decides.

Programs that look through mail follow links, so a GET must neither decide nor use a link up. A server answers a GET by
`look_at`, with a page that has a button; the button's POST uses the link up by `open_link`, which gives the token that
a second POST decides with. That token holds only for the version of the review that was shown.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from baton.core import LinkClosed, LinkExpired, LinkForged, LinkUsed, ReviewId, format_time
from baton.ledger import Ledger, Review, Transaction, keys, reviews

LINK_SECONDS = 7 * 86400.0
"""How long a link holds."""

DECIDING_SECONDS = 3600.0
"""How long what was opened may be decided; then it is opened anew."""

_KEY = "links"

_Purpose = Literal["open", "decide"]


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a link says.

    Attributes:
        person: Whom it was made for.
        expires: When it ends, in seconds since 1970.
    """

    review: ReviewId
    person: str
    expires: float


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A review that was opened by its link.

    Attributes:
        review: As it stands.
        person: Who opened it.
        token: What it may be decided with; see `may_decide`.
    """

    review: Review
    person: str
    token: str


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """Who may decide what: the answer is `by` the person, for this `version` of the review."""

    review: ReviewId
    person: str
    version: int


async def make_link(ledger: Ledger, review: ReviewId, person: str, *, seconds: float = LINK_SECONDS) -> str:
    """A token that opens a review once, for a person.

    Args:
        ledger: The record; its key for links is made when the first one is.
        review: The review.
        person: Who is to open it: what is decided by it will be theirs.
        seconds: How long it holds.
    """

    def make(tx: Transaction) -> str:
        key = keys.made_key(tx, _KEY)
        return _token(key, "open", [review, person, tx.now + seconds, secrets.token_urlsafe(12)])

    return await ledger.write(make)


async def look_at(ledger: Ledger, token: str) -> Link:
    """What a link says, for a GET: nothing changes.

    Raises:
        LinkForged, LinkExpired, LinkUsed, LinkClosed: if it opens nothing; says why.
    """
    return await ledger.read(lambda tx: _checked(tx, token)[0])


async def open_link(ledger: Ledger, token: str) -> Opened:
    """Use a link up, for a POST; of two that do so at once, one opens the review.

    Raises:
        LinkForged, LinkExpired, LinkUsed, LinkClosed: if it opens nothing; says why.
    """

    def open_(tx: Transaction) -> Opened:
        link, nonce = _checked(tx, token)
        if not keys.use(tx, nonce, link.review, link.person, link.expires):
            raise LinkUsed(link.review, format_time(keys.used(tx, nonce) or tx.now))
        review = reviews.get(tx, link.review)
        said = [review.id, link.person, tx.now + DECIDING_SECONDS, review.version]
        return Opened(review=review, person=link.person, token=_token(keys.made_key(tx, _KEY), "decide", said))

    return await ledger.write(open_)


async def may_decide(ledger: Ledger, token: str) -> Deciding:
    """Who may decide what with a token that `open_link` gave; the answer must name the version.

    Deciding with it changes the review's version, so it does so once.

    Raises:
        LinkForged, LinkExpired, LinkClosed: if nothing may be decided with it; says why.
    """

    def check(tx: Transaction) -> Deciding:
        id, person, expires, version = _said(tx, "decide", token)
        _still_open(tx, ReviewId(id), expires)
        return Deciding(review=ReviewId(id), person=person, version=version)

    return await ledger.read(check)


def _checked(tx: Transaction, token: str) -> tuple[Link, str]:
    id, person, expires, nonce = _said(tx, "open", token)
    link = Link(review=ReviewId(id), person=person, expires=expires)
    used = keys.used(tx, nonce)
    if used is not None:
        raise LinkUsed(link.review, format_time(used))
    _still_open(tx, link.review, expires)
    return link, nonce


def _still_open(tx: Transaction, review: ReviewId, expires: float) -> None:
    if tx.now >= expires:
        raise LinkExpired(review, format_time(expires))
    decision = reviews.get(tx, review).decision
    if decision is not None:
        raise LinkClosed(review, f"{decision.by} decided it at {format_time(decision.at)}: {decision.kind}")


def _token(key: bytes, purpose: _Purpose, said: list[Any]) -> str:
    payload = json.dumps([purpose, *said], separators=(",", ":")).encode()
    return f"{_text(payload)}.{_text(hmac.digest(key, payload, hashlib.sha256))}"


def _said(tx: Transaction, purpose: _Purpose, token: str) -> list[Any]:
    """What a token says, if it was made here for this purpose."""
    key = keys.key(tx, _KEY)
    payload, _, signature = token.partition(".")
    try:
        said, given = _bytes(payload), _bytes(signature)
    except (binascii.Error, ValueError) as error:
        raise LinkForged from error
    if key is None or not hmac.compare_digest(hmac.digest(key, said, hashlib.sha256), given):
        raise LinkForged
    found: list[Any] = json.loads(said)
    if found[0] != purpose:
        raise LinkForged
    return found[1:]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """What a text stands for; only the one that `_text` gives for it, so that no second text says the same."""
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(raw) != text:
        raise ValueError(text)
    return raw
