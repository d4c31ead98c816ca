"""Limits that follow how it goes: what they were worked out from, and each change with its cause; `flow.adapting`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select

from baton.core import Conflict, InvalidValue, NotFound, dump
from baton.ledger import reservations
from baton.ledger.locks import lock_name
from baton.ledger.schema_sharing import limit_changes, resources
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class LimitChange:
    """A change of a limit.

    Attributes:
        by: `baton`, or the person who made it.
    """

    id: int
    name: str
    at: float
    before: int
    after: int
    cause: str
    by: str


def learnt(tx: Transaction, name: str) -> Mapping[str, Any]:
    """What a limit was worked out from last; empty before."""
    said = tx.value(_LEARNT, name=name)
    return json.loads(said) if said else {}


def adapt(tx: Transaction, name: str, known: Mapping[str, Any], after: int, new: Mapping[str, Any], cause: str) -> bool:
    """Set a limit that follows how it goes, unless another process has looked since; whether it was set.

    Args:
        tx: The transaction.
        name: The limit's.
        known: What it was worked out from last, as far as this process knows.
        after: What it is from now on.
        new: What that is worked out from.
        cause: Why, where it changes.
    """
    lock_name(tx, "resources")
    row = tx.row(_LIMIT, name=name)
    if row is None or row.least is None or dict(known) != learnt(tx, name):
        return False
    after = min(row.most, max(row.least, after))
    reservations.set_capacity(tx, name, after, dump(dict(new)))
    if after != row.capacity:
        _note(tx, name, row.capacity, after, cause, "baton")
    return True


def set_by_hand(tx: Transaction, name: str, after: int, by: str) -> LimitChange:
    """Set a limit that follows how it goes; it goes on from there.

    Raises:
        NotFound: if there is no such limit.
        InvalidValue: if it does not follow how it goes, or the value lies outside its bounds.
    """
    lock_name(tx, "resources")
    row = tx.row(_LIMIT, name=name)
    if row is None:
        raise NotFound("limit", name, tx.values(_NAMES))
    if row.least is None:
        raise InvalidValue("limit", name, "one that is `auto`: the project says what the others are")
    if not row.least <= after <= row.most:
        raise InvalidValue(f"value of limit {name}", after, f"a number from {row.least} to {row.most}")
    reservations.set_capacity(tx, name, after, row.learnt or "{}")
    _note(tx, name, row.capacity, after, f"{by} has set it", by)
    return changes(tx, name, 1)[0]


def undo(tx: Transaction, name: str, by: str) -> LimitChange:
    """Set a limit to what it was before its last change.

    Raises:
        NotFound, InvalidValue: as for `set_by_hand`.
        Conflict: if it was never changed.
    """
    last = changes(tx, name, 1)
    if not last and tx.row(_LIMIT, name=name) is not None:
        raise Conflict(f"undo of limit {name}", "it was never changed")
    return set_by_hand(tx, name, last[0].before if last else 0, by)


def changes(tx: Transaction, name: str | None = None, limit: int = 20) -> list[LimitChange]:
    """Changes of a limit, or of all, the newest first."""
    rows = tx.rows(_CHANGES, most=limit) if name is None else tx.rows(_CHANGES_OF, name=name, most=limit)
    return [LimitChange(**row._asdict()) for row in rows]


def _note(tx: Transaction, name: str, before: int, after: int, cause: str, by: str) -> None:
    tx.execute(_CHANGE, {"name": name, "at": tx.now, "before": before, "after": after, "cause": cause, "by": by})


_LIMIT = select(resources).where(resources.c.name == bindparam("name"))
_NAMES = select(resources.c.name).where(resources.c.least.is_not(None)).order_by(resources.c.name)
_LEARNT = select(resources.c.learnt).where(resources.c.name == bindparam("name"))
_CHANGE = insert(limit_changes)
_CHANGES = select(limit_changes).order_by(limit_changes.c.id.desc()).limit(bindparam("most"))
_CHANGES_OF = _CHANGES.where(limit_changes.c.name == bindparam("name"))
