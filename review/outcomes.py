"""How actions came out in the world, reported by whoever knows, often long after they ran."""

from baton.core import InvalidValue, RunId
from baton.ledger import Transaction, events, journal, promises


def report(tx: Transaction, run: RunId, action: str | None, *, wrong: bool, by: str, note: str = "") -> None:
    """Tell the promise of an action's class how the action came out.

    Raises:
        InvalidValue: if no such action of the run is of a class with a promise, or it is not clear which is meant.
    """
    known = [one.action.id for one in journal.proposals(tx, run) if promises.decision_of(tx, one.action.id) is not None]
    meant = known if action is None else [id for id in known if id == action]
    if len(meant) != 1:
        allowed = f"one of its actions of a class with a promise: {', '.join(known) or 'it has none'}"
        raise InvalidValue(f"action of {run}", action, allowed)
    (id,) = meant
    promises.labelled(tx, id, wrong=wrong, source="outcome", by=by)
    events.emit(tx, run, "outcome.reported", action=id, wrong=wrong, by=by, note=note)
