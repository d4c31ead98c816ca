"""Calls for proposals: what is to be done, whom it may go to, and by which rule; the bids on them are hand-offs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from baton.core import ActionId, BodyId, NotFound, RunId, dump
from baton.ledger import bodies
from baton.ledger.schema_handoffs import calls
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call for proposals.

    Attributes:
        run: That calls.
        state: `open`, `awarded` or `failed`.
        terms: What the work is handed on with, by candidate.
        award: The rule by which one of them gets it.
        how: `tokens`, `within` (seconds), `trust` and `confidentiality` of the work.
        due: When it ends at the latest, in seconds since 1970.
    """

    id: str
    run: RunId
    action: ActionId
    state: str
    task: str
    terms: Mapping[str, Mapping[str, Any]]
    award: str | Mapping[str, float]
    how: Mapping[str, Any]
    due: float
    at: float


def begin(tx: Transaction, call: Call) -> None:
    """Record a call."""
    row = {"id": call.id, "run": call.run, "action": call.action, "state": "open", "due": call.due, "at": tx.now}
    said = {"terms": dump(dict(call.terms)), "award": dump(call.award), "how": dump(dict(call.how))}
    tx.execute(_BEGIN, row | said | {"task": bodies.store(tx, call.task)})


def end(tx: Transaction, id: str, state: str) -> bool:
    """Note what came of it; whether it was still open."""
    return bool(tx.changed(_END, which=id, new=state))


def get(tx: Transaction, id: str) -> Call:
    """The call with this id.

    Raises:
        NotFound: if there is none.
    """
    row = tx.row(_GET, id=id)
    if row is None:
        raise NotFound("call for proposals", id)
    return Call(
        id=row.id,
        run=RunId(row.run),
        action=ActionId(row.action),
        state=row.state,
        task=bodies.load(tx, [row.task])[BodyId(row.task)],
        terms=json.loads(row.terms),
        award=json.loads(row.award),
        how=json.loads(row.how),
        due=row.due,
        at=row.at,
    )


def open_of(tx: Transaction, run: RunId) -> list[str]:
    """The ids of a run's calls that are open, oldest first."""
    return tx.values(_OPEN, run=run)


_BEGIN = insert(calls)
_END = update(calls).where(calls.c.id == bindparam("which"), calls.c.state == "open").values(state=bindparam("new"))
_GET = select(calls).where(calls.c.id == bindparam("id"))
_OPEN = select(calls.c.id).where(calls.c.run == bindparam("run"), calls.c.state == "open").order_by(calls.c.at)
