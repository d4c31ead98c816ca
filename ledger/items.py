"""Values under keys in namespaces, kept as facts: what is put anew retires what was there, which stays known."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, or_, select, update

from baton.core import FactId, InvalidValue, Label, dump
from baton.ledger import tombstones
from baton.ledger.fact_rows import add, close, note
from baton.ledger.fact_values import Claim, Fact, check_text, fact_of
from baton.ledger.schema_memory import facts
from baton.ledger.superseding import link
from baton.ledger.transaction import Transaction

ITEM = "item"
"""The predicate of a fact that is an item; its subject is the key, its object the value."""

_ROOT = "store"


@dataclass(frozen=True, kw_only=True)
class StoredItem:
    """An item.

    Attributes:
        fact: The fact that it is kept as.
        value: JSON.
        created_at: When the key was first put, in seconds since 1970.
        updated_at: When it was last put.
        ttl: Seconds that a read prolongs it by; None if it does not expire.
    """

    fact: FactId
    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    created_at: float
    updated_at: float
    ttl: float | None


def scope_of(namespace: Sequence[str]) -> str:
    """The scope of a namespace: no two share one, and none is an agent's."""
    return "/".join([_ROOT, *(label.replace("~", "~0").replace("/", "~1") for label in namespace)])


def namespace_of(scope: str) -> tuple[str, ...]:
    """The namespace of a scope."""
    return tuple(label.replace("~1", "/").replace("~0", "~") for label in scope.split("/")[1:])


def get(tx: Transaction, tenant: str, namespace: Sequence[str], key: str) -> StoredItem | None:
    """The item under a key; None if there is none, or it has expired."""
    row = tx.row(_GET, tenant=tenant, scope=scope_of(namespace), key=key, now=tx.now)
    return None if row is None else _item(fact_of(row))


def within(tx: Transaction, tenant: str, prefix: Sequence[str]) -> list[StoredItem]:
    """All items whose namespace begins so, the last put first."""
    scope = scope_of(prefix)
    asked = _WITHIN.where(or_(facts.c.scope == scope, facts.c.scope.startswith(f"{scope}/", autoescape=True)))
    found = [_item(fact_of(row)) for row in tx.rows(asked, tenant=tenant, now=tx.now)]
    # LIKE of SQLite does not tell A from a.
    return [item for item in found if item.namespace[: len(prefix)] == tuple(prefix)]


def put(
    tx: Transaction,
    tenant: str,
    namespace: Sequence[str],
    key: str,
    value: Mapping[str, Any],
    *,
    text: str,
    ttl: float | None,
    label: Label,
) -> FactId:
    """Keep a value under a key, in place of what is there.

    Args:
        tx: The transaction.
        tenant: Whose.
        namespace: Where.
        key: Under what.
        value: What JSON can hold.
        text: What a search of words looks at; may be empty.
        ttl: Seconds after which it is gone unless it is read; None is never.
        label: Of the value.

    Raises:
        InvalidValue: if JSON cannot hold the value.
        Forgotten: if its text was to be forgotten.
    """
    check_text("key", key)
    check_text("text", text)
    old = get(tx, tenant, namespace, key)
    made = tx.now if old is None else old.created_at
    try:
        kept = dump({"value": dict(value), "created_at": made})
        kept.encode()
    except (TypeError, ValueError) as error:
        raise InvalidValue("value", value, f"what JSON can hold ({error})") from error
    claim = Claim(
        tenant=tenant,
        scope=scope_of(namespace),
        subject=key,
        predicate=ITEM,
        object=kept,
        text=text,
        label=label,
        valid_from=tx.now,
        expires_at=None if ttl is None else tx.now + ttl,
        ttl=ttl,
    )
    tombstones.check(tx, claim.tenant, claim.scope, claim.subject, [text, kept], label.sources)
    if old is not None:
        close(tx, old.fact)
    fact = add(tx, claim)
    if old is not None:
        link(tx, fact, old.fact, "supersedes")
    return fact


def delete(tx: Transaction, tenant: str, namespace: Sequence[str], key: str) -> bool:
    """Have nothing under a key any more; whether there was something. It stays known as of then."""
    old = get(tx, tenant, namespace, key)
    return old is not None and close(tx, old.fact)


def prolong(tx: Transaction, found: Sequence[StoredItem]) -> None:
    """Put off when items expire, as they were read."""
    lasting = [item for item in found if item.ttl is not None]
    for item in lasting:
        tx.changed(_PROLONG, fact=item.fact, until=tx.now + (item.ttl or 0.0))
    note(tx, [item.fact for item in lasting])


def sweep(tx: Transaction, tenant: str) -> int:
    """Retire what has expired; how much."""
    return sum(close(tx, FactId(id)) for id in tx.values(_EXPIRED, tenant=tenant, now=tx.now))


def _item(fact: Fact) -> StoredItem:
    kept = json.loads(fact.object or "{}")
    return StoredItem(
        fact=fact.id,
        namespace=namespace_of(fact.scope),
        key=fact.subject,
        value=kept["value"],
        created_at=kept["created_at"],
        updated_at=fact.recorded_at,
        ttl=fact.ttl,
    )


_THERE = (
    facts.c.tenant == bindparam("tenant"),
    facts.c.predicate == ITEM,
    facts.c.retired_at.is_(None),
    facts.c.quarantined_at.is_(None),
)
_LASTS = or_(facts.c.expires_at.is_(None), facts.c.expires_at > bindparam("now"))
_GET = select(facts).where(*_THERE, _LASTS, facts.c.scope == bindparam("scope"), facts.c.subject == bindparam("key"))
_WITHIN = select(facts).where(*_THERE, _LASTS).order_by(facts.c.recorded_at.desc(), facts.c.id.desc())
_EXPIRED = select(facts.c.id).where(*_THERE, facts.c.expires_at <= bindparam("now"))
_PROLONG = update(facts).where(facts.c.id == bindparam("fact")).values(expires_at=bindparam("until"))
