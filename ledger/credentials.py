"""What somebody is known by: sessions of browsers, keys of programs, links that sign in once.

The record has only a hash of each. They are as long as the hash, so none can be guessed from it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, delete, insert, select, update

from baton.core import NotFound, random_id
from baton.ledger.schema_people import credentials
from baton.ledger.trail import note
from baton.ledger.transaction import Transaction

KEPT = 30 * 86400.0
"""Seconds for which sessions and links are kept that hold no more; the trail has them for ever."""

CredentialKind = Literal["session", "key", "link"]


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What somebody is known by.

    Attributes:
        kind: A `session` of a browser, a `key` of a program, or a `link` that makes a session, once.
        person: Whose it is.
        scope: The role that a key may use at most, or `agent`; `local` of whoever works alone; None is all of theirs.
        label: What it is for, as its maker says.
        expires: Seconds since 1970.
        ended_at: When it was revoked, left or used up; None while it was not.
    """

    id: str
    kind: CredentialKind
    person: str
    scope: str | None
    label: str
    made_at: float
    expires: float
    ended_at: float | None


def make(
    tx: Transaction,
    kind: CredentialKind,
    person: str,
    *,
    seconds: float,
    by: str,
    scope: str | None = None,
    label: str = "",
    address: str = "",
) -> tuple[Credential, str]:
    """Make one that holds for so many seconds; also what it is shown by, which is kept nowhere."""
    tx.changed(_FORGET, before=tx.now - KEPT)
    secret = f"baton_{secrets.token_urlsafe(32)}"
    made = Credential(
        id=random_id(kind),
        kind=kind,
        person=person,
        scope=scope,
        label=label,
        made_at=tx.now,
        expires=tx.now + seconds,
        ended_at=None,
    )
    row = {"id": made.id, "kind": kind, "secret": _hash(secret), "person": person, "scope": scope, "label": label}
    tx.execute(insert(credentials).values(row | {"made_at": tx.now, "made_by": by, "expires": made.expires}))
    note(tx, f"{kind}.made", by, about=person, credential=made.id, says=scope or "", address=address)
    return made, secret


def shown(tx: Transaction, secret: str, kind: CredentialKind) -> Credential | None:
    """What of this kind is shown by a secret, whether it still holds or not; None where there is none."""
    row = tx.row(_SHOWN, secret=_hash(secret), kind=kind)
    return None if row is None else _credential(row)


def get(tx: Transaction, id: str) -> Credential | None:
    """The one with this id; None where there is none."""
    row = tx.row(_OF, id=id)
    return None if row is None else _credential(row)


def end(tx: Transaction, id: str, *, by: str) -> bool:
    """Let one hold no more: of two who do so at once, one has done it. Whether it held.

    Raises:
        NotFound: if there is none.
    """
    row = tx.row(_OF, id=id)
    if row is None:
        raise NotFound("session or key", id, hint="`baton keys list` names the keys.")
    done = tx.changed(_END, of=id, at=tx.now, who=by) == 1
    if done:
        note(tx, f"{row.kind}.ended", by, about=row.person, credential=id)
    return done


def end_all(tx: Transaction, person: str, *, by: str) -> None:
    """Let all of somebody's hold no more."""
    for id in tx.values(_HELD, person=person):
        end(tx, id, by=by)


def keys_of(tx: Transaction, person: str | None = None) -> list[Credential]:
    """The keys of somebody, or of all, the newest first, with those that hold no more."""
    query = select(credentials).where(credentials.c.kind == "key").order_by(credentials.c.made_at.desc())
    rows = tx.rows(query if person is None else query.where(credentials.c.person == person))
    return [_credential(row) for row in rows]


_SHOWN = select(credentials).where(credentials.c.secret == bindparam("secret"), credentials.c.kind == bindparam("kind"))
_OF = select(credentials).where(credentials.c.id == bindparam("id"))
_HELD = select(credentials.c.id).where(credentials.c.person == bindparam("person"), credentials.c.ended_at.is_(None))
_FORGET = delete(credentials).where(credentials.c.kind != "key", credentials.c.expires < bindparam("before"))
_END = (
    update(credentials)
    .where(credentials.c.id == bindparam("of"), credentials.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"), ended_by=bindparam("who"))
)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _credential(row: Any) -> Credential:
    return Credential(
        id=row.id,
        kind=row.kind,
        person=row.person,
        scope=row.scope,
        label=row.label,
        made_at=row.made_at,
        expires=row.expires,
        ended_at=row.ended_at,
    )
