"""What was forgotten and is not to be learnt again: known by a keyed digest, from which nobody reads what it was."""

import hashlib
import hmac
import re
from collections.abc import Iterable

from sqlalchemy import bindparam, insert, select

from baton.core import Forgotten
from baton.ledger import keys
from baton.ledger.schema_memory import tombstones
from baton.ledger.transaction import Transaction

_KEY = "tombstones"
_BETWEEN = re.compile(r"[\W_]+")


def bury(tx: Transaction, tenant: str, texts: Iterable[str] = (), sources: Iterable[str] = ()) -> None:
    """Have neither these texts, in whatever scope, nor anything from these sources learnt again."""
    key = keys.made_key(tx, _KEY)
    for digest in {*(_text(key, tenant, text) for text in texts), *(_source(key, tenant, s) for s in sources)}:
        if not tx.values(_KNOWN, digests=[digest]):
            tx.execute(_BURY, {"digest": digest, "tenant": tenant, "at": tx.now})


def buried(tx: Transaction, tenant: str, text: str, sources: Iterable[str]) -> bool:
    """Whether a text was forgotten, or one of the sources that it comes from."""
    key = keys.key(tx, _KEY)
    if key is None:
        return False
    digests = [_text(key, tenant, text), *(_source(key, tenant, source) for source in sources)]
    return bool(tx.values(_KNOWN, digests=digests))


def check(tx: Transaction, tenant: str, scope: str, subject: str, texts: Iterable[str], sources: Iterable[str]) -> None:
    """Raise if what is to be kept was to be forgotten.

    Raises:
        Forgotten: if any of the texts was, or one of the sources.
    """
    known = list(sources)
    if any(buried(tx, tenant, text, known) for text in texts if text):
        raise Forgotten(scope, subject)


def _text(key: bytes, tenant: str, text: str) -> bytes:
    """The same for texts that differ in case, spaces and punctuation only."""
    return _digest(key, tenant, "text", _BETWEEN.sub(" ", text.casefold()).strip() or text)


def _source(key: bytes, tenant: str, source: str) -> bytes:
    return _digest(key, tenant, "source", source)


def _digest(key: bytes, *parts: str) -> bytes:
    told = "\0".join(part.replace("\0", " ") for part in parts)
    return hmac.digest(key, told.encode(errors="replace"), hashlib.sha256)


_KNOWN = select(tombstones.c.digest).where(tombstones.c.digest.in_(bindparam("digests", expanding=True)))
_BURY = insert(tombstones).values({c.name: bindparam(c.name) for c in tombstones.c})
