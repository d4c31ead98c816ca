"""Which events from outside were taken, so that each counts once however often it is sent."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select

from baton.ledger.locks import lock_name
from baton.ledger.schema import hook_calls
from baton.ledger.transaction import Transaction

KEPT_SECONDS = 30 * 86400.0
"""How long it is known that an event was taken: longer than anybody goes on sending it."""


@dataclass(frozen=True)
class HookCall:
    """An event that was taken: a digest of what was sent, and what it did, as JSON."""

    content: str
    did: str


def find(tx: Transaction, hook: str, id: str) -> HookCall | None:
    """An event that was taken; None if it was not. Of two that look at once, one waits for the other."""
    lock_name(tx, f"hook {hook} {id}")
    row = tx.row(_FIND, hook=hook, id=id)
    return HookCall(row.content, row.did) if row is not None else None


def note(tx: Transaction, hook: str, id: str, content: str, did: str) -> None:
    """Keep that an event was taken; what is older than anybody needs goes."""
    tx.changed(_FORGET, before=tx.now - KEPT_SECONDS)
    tx.execute(insert(hook_calls).values(hook=hook, id=id, content=content, did=did, at=tx.now))


_FIND = select(hook_calls).where(hook_calls.c.hook == bindparam("hook"), hook_calls.c.id == bindparam("id"))
_FORGET = delete(hook_calls).where(hook_calls.c.at < bindparam("before"))
