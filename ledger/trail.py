"""Who signed in, made keys and decided, by what they were known, in order. Nothing in it is ever changed."""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, insert, select

from baton.ledger.schema_people import trail
from baton.ledger.transaction import Transaction

TRIED = "sign-in.tried"
"""Somebody gave a password; what comes next says whether it was the right one."""

SIGNED_IN = "sign-in.done"
"""It was."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that somebody did.

    Attributes:
        id: Rises in the order of recording.
        kind: Such as `sign-in.tried`, `key.made`, `review.decided`.
        who: Who did it, as they were known, or called themselves.
        about: The account, or review; empty where it is about none.
        credential: The session or key it was done by; empty where it was none.
        says: What it came to, such as the answer; empty where there is nothing to say.
        address: Where it came from; empty where it was this machine's terminal.
        at: Seconds since 1970.
    """

    id: int
    kind: str
    who: str
    about: str
    credential: str
    says: str
    address: str
    at: float


def note(
    tx: Transaction, kind: str, who: str, *, about: str = "", credential: str = "", says: str = "", address: str = ""
) -> None:
    """Put a step on record, in the transaction of what it tells of."""
    row = {"kind": kind, "who": who, "about": about, "credential": credential, "says": says, "address": address}
    tx.execute(_NOTE, row | {"at": tx.now})


def newest(tx: Transaction, limit: int, before: int | None = None) -> list[Step]:
    """The newest steps, or those before a step, the newest first."""
    query = select(trail).order_by(trail.c.id.desc()).limit(limit)
    rows = tx.rows(query if before is None else query.where(trail.c.id < before))
    names = ("id", "kind", "who", "about", "credential", "says", "address", "at")
    return [Step(**{name: getattr(row, name) for name in names}) for row in rows]


def failed(tx: Transaction, since: float, *, who: str) -> int:
    """How often a wrong password was given for a name since a time."""
    return int(tx.value(_BY_NAME, who=who, kind=TRIED, since=since)) - int(
        tx.value(_BY_NAME, who=who, kind=SIGNED_IN, since=since)
    )


def failed_from(tx: Transaction, since: float, *, address: str) -> int:
    """How often a wrong password came from an address since a time."""
    return int(tx.value(_BY_ADDRESS, address=address, kind=TRIED, since=since)) - int(
        tx.value(_BY_ADDRESS, address=address, kind=SIGNED_IN, since=since)
    )


_NOTE = insert(trail)
_COUNTED = select(func.count()).where(trail.c.kind == bindparam("kind"), trail.c.at >= bindparam("since"))
_BY_NAME = _COUNTED.where(trail.c.who == bindparam("who"))
_BY_ADDRESS = _COUNTED.where(trail.c.address == bindparam("address"))
