"""What actions have used up: reserved in the transaction that claims their effect, given back where it did not happen.

A row is a reservation while its effect is claimed, and spent once that is done. Whoever reserves holds the account's
name until the transaction ends, so that actions at the same moment never take more together than there is.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from baton.core import UNIT, ActionId, Charge, RunId, Spent, Window
from baton.ledger.locks import lock_name
from baton.ledger.schema import spending
from baton.ledger.transaction import Transaction


def spent(tx: Transaction, windows: Sequence[Window]) -> Mapping[Window, Spent]:
    """What was charged to accounts in their windows, reservations included."""
    return {window: _spent(tx, window) for window in windows}


def reserve(tx: Transaction, run: RunId, action: ActionId, charges: Sequence[Charge]) -> str | None:
    """Charge an action that is about to be carried out; where a limit has no room, nothing is, and it is told which."""
    for charge in sorted(charges, key=lambda charge: charge.account):  # in one order, so that nobody waits in a circle
        lock_name(tx, f"spending {charge.account}")
        used = _spent(tx, charge.window)
        if not charge.fits(used):
            return charge.told(used)
    for account, charge in {charge.account: charge for charge in charges}.items():
        row = {"account": account, "action": action, "run": run, "at": tx.now}
        if charge.values:
            tx.execute(_CHARGE, [row | {"amount": 0, "value": value} for value in charge.values])
        elif charge.amount:
            tx.execute(_CHARGE, row | {"amount": charge.amount, "value": ""})
    return None


def release(tx: Transaction, run: RunId, action: ActionId) -> None:
    """Give back what was reserved for an action that did not happen."""
    tx.changed(_RELEASE, run=run, action=action)


def meter(tx: Transaction, run: RunId, call: str, accounts: Sequence[str], amount: int) -> None:
    """Charge a model call that was made, whether or not there was room for it."""
    rows = [
        {"account": name, "action": call, "run": run, "at": tx.now, "amount": amount * UNIT, "value": ""}
        for name in accounts
    ]
    tx.execute(_CHARGE, rows)


def _spent(tx: Transaction, window: Window) -> Spent:
    since = tx.now - window.seconds if window.seconds is not None else 0.0
    amount: int = tx.value(_AMOUNT, account=window.account, since=since)
    values: frozenset[str] = frozenset(tx.values(_VALUES, account=window.account, since=since))
    return Spent(int(amount), values)


_IN_WINDOW = (spending.c.account == bindparam("account"), spending.c.at > bindparam("since"))
_AMOUNT = select(func.coalesce(func.sum(spending.c.amount), 0)).where(*_IN_WINDOW)
_VALUES = select(spending.c.value).where(*_IN_WINDOW, spending.c.value != "").distinct()
_CHARGE = insert(spending)
_RELEASE = delete(spending).where(spending.c.run == bindparam("run"), spending.c.action == bindparam("action"))
