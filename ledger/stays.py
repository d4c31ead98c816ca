"""Actions that may go ahead and are held up: until their window opens, or so long as they can be recalled.

A stay is `open` until its time comes or somebody releases it (`over`), somebody recalls the action (`recalled`), or its
run ends (`dropped`), whichever is first: each is a compare-and-set. Only what is over is ever claimed.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update

from baton.core import ActionId, NotFound, RunId
from baton.ledger import families, timers
from baton.ledger.schema_sharing import stays
from baton.ledger.transaction import Transaction

Why = Literal["recall", "window"]
State = Literal["open", "over", "recalled", "dropped"]

_AT_ONCE = 0.0  # by any worker's clock


@dataclass(frozen=True, kw_only=True)
class Stay:
    """An action that is, or was, held up.

    Attributes:
        kind: `recall` where it can be taken back for a while, `window` where it only waits for a time.
        until: When it goes ahead, in seconds since 1970.
        by: Who recalled or released it; None where nobody did.
        note: Why.
    """

    action: ActionId
    run: RunId
    tool: str
    tenant: str
    kind: Why
    state: State
    since: float
    until: float
    by: str | None
    note: str | None


def begin(tx: Transaction, run: RunId, action: ActionId, *, tool: str, tenant: str, kind: Why, until: float) -> None:
    """Hold an action up until a time; one that was over before is held up anew."""
    row = {"action": action, "run": run, "tool": tool, "tenant": tenant, "kind": kind, "state": "open"}
    if not tx.changed(_AGAIN, held=action, new_kind=kind, at=tx.now, due=until):
        if get(tx, action) is not None:
            return  # it is held up, recalled or dropped already: another worker was first
        tx.execute(_BEGIN, row | {"since": tx.now, "until": until, "by": None, "note": None})
    timers.start(tx, run, until, "stay", action)


def pass_(tx: Transaction, action: ActionId) -> bool:
    """An action's time has come; whether it was still held up."""
    return bool(tx.changed(_PASS, held=action))


def release(tx: Transaction, action: ActionId, by: str) -> bool:
    """Let an action go ahead at once; whether it was still held up. Its run is told when the timer fires, at once."""
    found = get(tx, action)
    if found is None or found.state != "open":
        return False
    tx.changed(_SOONER, held=action, who=by)
    timers.start(tx, found.run, _AT_ONCE, "stay", action)
    return True


def recall(tx: Transaction, action: ActionId, by: str, note: str) -> bool:
    """Take an action back for good; whether it was still held up."""
    return bool(tx.changed(_CLOSE, held=action, new="recalled", who=by, why=note))


def drop(tx: Transaction, run: RunId) -> None:
    """Hold nothing of a run up any more: it has ended, and carries nothing out."""
    tx.changed(_DROP, of=run)


def get(tx: Transaction, action: ActionId) -> Stay | None:
    """The stay of an action; None if it was never held up."""
    row = tx.row(_ONE, action=action)
    return None if row is None else _stay(row)


def find(tx: Transaction, action: str) -> Stay:
    """The stay of the action with this id or beginning of one.

    Raises:
        NotFound: if nothing that is held up has it.
    """
    fits = [one for one in listed(tx) if one.action.startswith(action)]
    exact = get(tx, ActionId(action))
    if exact is not None and tx.sees(exact.tenant):
        return exact
    if len(fits) == 1:
        return fits[0]
    raise NotFound("action that is held up", action, [one.action for one in listed(tx)][:20])


def listed(tx: Transaction) -> list[Stay]:
    """What is held up, what goes ahead first in front; within a tenant, its own."""
    return [one for one in map(_stay, tx.rows(_LISTED)) if tx.sees(one.tenant)]


def of_run(tx: Transaction, run: RunId) -> list[Stay]:
    """What of a run is held up."""
    return [_stay(row) for row in tx.rows(_OF_RUN, run=run)]


def of_run_below(tx: Transaction, run: RunId) -> list[Stay]:
    """What is held up of a run and of all that it handed work to, the earliest first."""
    return [_stay(row) for row in tx.rows(_OF_RUN_BELOW, run=run)]


def unfinished(tx: Transaction, run: RunId) -> list[Stay]:
    """What of a run is held up, or was and may have to be carried out yet."""
    return [_stay(row) for row in tx.rows(_UNFINISHED, run=run)]


def _stay(row: Any) -> Stay:
    return Stay(**row._asdict())


_BEGIN = insert(stays)
_AGAIN = (
    update(stays)
    .where(stays.c.action == bindparam("held"), stays.c.state == "over")
    .values(state="open", kind=bindparam("new_kind"), since=bindparam("at"), until=bindparam("due"))
)
_CLOSE = (
    update(stays)
    .where(stays.c.action == bindparam("held"), stays.c.state == "open")
    .values(state=bindparam("new"), by=bindparam("who"), note=bindparam("why"))
)
_PASS = update(stays).where(stays.c.action == bindparam("held"), stays.c.state == "open").values(state="over")
_SOONER = (
    update(stays)
    .where(stays.c.action == bindparam("held"), stays.c.state == "open")
    .values(until=0.0, by=bindparam("who"))
)
_DROP = update(stays).where(stays.c.run == bindparam("of"), stays.c.state == "open").values(state="dropped")
_ONE = select(stays).where(stays.c.action == bindparam("action"))
_LISTED = select(stays).where(stays.c.state == "open").order_by(stays.c.until, stays.c.action)
_UNFINISHED = select(stays).where(stays.c.run == bindparam("run"), stays.c.state.in_(("open", "over")))
_OF_RUN_BELOW = select(stays).where(stays.c.run.in_(families.below()), stays.c.state == "open").order_by(stays.c.until)
_OF_RUN = select(stays).where(stays.c.run == bindparam("run"), stays.c.state == "open").order_by(stays.c.until)
