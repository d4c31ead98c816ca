"""The people who have accounts: their roles, and what their passwords are held against."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from baton.core import Conflict, NotFound, Role, dump
from baton.ledger import credentials, trail
from baton.ledger.locks import lock_name
from baton.ledger.schema_people import accounts
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who may sign in.

    Attributes:
        role: What they may do.
        acts_as: What the reviewers of a rule may call them by, beside their name and what people.yaml says.
        password: The hash of their password.
        made_at: Seconds since 1970.
        tenant: Whose runs and questions they see; None is everybody's.
    """

    name: str
    role: Role
    acts_as: frozenset[str]
    password: str
    made_at: float
    tenant: str | None = None


def add(
    tx: Transaction,
    name: str,
    role: Role,
    password: str,
    *,
    acts_as: Collection[str] = (),
    tenant: str | None = None,
    by: str,
) -> None:
    """Give somebody an account.

    Args:
        tx: The transaction.
        name: What they sign in as; what they decide is theirs by it.
        role: What they may do.
        password: The hash of their password.
        acts_as: What the reviewers of a rule may call them by as well.
        tenant: Whose runs and questions they see; None is everybody's.
        by: Who says so.

    Raises:
        Conflict: if there is one.
    """
    lock_name(tx, f"account {name}")
    if find(tx, name) is not None:
        raise Conflict(f"add {name}", "there is an account of that name", "`baton users role` changes what it may do.")
    row = {"name": name, "role": role.word, "acts_as": dump(sorted(acts_as)), "password": password}
    tx.execute(insert(accounts).values(row | {"made_at": tx.now, "made_by": by, "tenant": tenant}))
    says = role.word if tenant is None else f"{role.word} of {tenant}"
    trail.note(tx, "user.added", by, about=name, says=says)


def change(tx: Transaction, name: str, role: Role, *, by: str) -> None:
    """Let somebody do more or less; it holds from their next request on, for their keys as well.

    Raises:
        NotFound: if there is no such account.
    """
    get(tx, name)
    tx.changed(update(accounts).where(accounts.c.name == name).values(role=role.word))
    trail.note(tx, "user.changed", by, about=name, says=role.word)


def remove(tx: Transaction, name: str, *, by: str) -> None:
    """Take somebody's account away, with all that they are signed in by, and their keys.

    Raises:
        NotFound: if there is no such account.
    """
    lock_name(tx, f"account {name}")
    get(tx, name)
    tx.changed(delete(accounts).where(accounts.c.name == name))
    credentials.end_all(tx, name, by=by)
    trail.note(tx, "user.removed", by, about=name)


def find(tx: Transaction, name: str) -> Account | None:
    """The account of this name; None where there is none."""
    row = tx.row(_OF, name=name)
    return None if row is None else _account(row)


def get(tx: Transaction, name: str) -> Account:
    """The account of this name.

    Raises:
        NotFound: if there is none.
    """
    known = find(tx, name)
    if known is None:
        raise NotFound("account", name, (one.name for one in listed(tx)), hint="`baton users add` makes one.")
    return known


def listed(tx: Transaction) -> list[Account]:
    """All accounts, by name."""
    return [_account(row) for row in tx.rows(_ALL)]


def there_are(tx: Transaction) -> bool:
    """Whether anybody has an account; until then one person works alone."""
    return bool(tx.value(_COUNT))


_OF = select(accounts).where(accounts.c.name == bindparam("name"))
_ALL = select(accounts).order_by(accounts.c.name)
_COUNT = select(func.count()).select_from(accounts)


def _account(row: Any) -> Account:
    return Account(
        name=row.name,
        role=Role[row.role.upper()],
        acts_as=frozenset(json.loads(row.acts_as)),
        password=row.password,
        made_at=row.made_at,
        tenant=row.tenant,
    )
