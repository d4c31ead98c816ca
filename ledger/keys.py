"""Keys of this deployment's own, made when they are first used; and links that were made with them and used up."""

import secrets

from sqlalchemy import bindparam, delete, insert, select

from baton.ledger.locks import lock_name
from baton.ledger.schema_people import keys, used_links
from baton.ledger.transaction import Transaction

_BYTES = 32


def key(tx: Transaction, name: str) -> bytes | None:
    """The key of a name; None where none has been made yet."""
    found: bytes | None = tx.value(_KEY, name=name)
    return None if found is None else bytes(found)


def made_key(tx: Transaction, name: str) -> bytes:
    """The key of a name, made where there is none: all who ask get the same."""
    known = key(tx, name)
    if known is not None:
        return known
    lock_name(tx, f"key {name}")
    known = key(tx, name)
    if known is None:
        known = secrets.token_bytes(_BYTES)
        tx.execute(insert(keys).values(name=name, key=known, made_at=tx.now))
    return known


def used(tx: Transaction, nonce: str) -> float | None:
    """When a link was used up, in seconds since 1970; None if it was not."""
    at: float | None = tx.value(_USED, nonce=nonce)
    return at


def use(tx: Transaction, nonce: str, review: str, person: str, expires: float) -> bool:
    """Use up a link; whether it had not been used. Of two who do so at once, one finds it used.

    That is kept until the link has expired (seconds since 1970): from then on nobody needs to know.
    """
    lock_name(tx, f"link {nonce}")
    if used(tx, nonce) is not None:
        return False
    tx.changed(delete(used_links).where(used_links.c.expires < tx.now))
    tx.execute(insert(used_links).values(nonce=nonce, review=review, person=person, at=tx.now, expires=expires))
    return True


_KEY = select(keys.c.key).where(keys.c.name == bindparam("name"))
_USED = select(used_links.c.at).where(used_links.c.nonce == bindparam("nonce"))
