"""People take things back before it is too late: actions that are held up, and what somebody else has reserved."""

from typing import Any

from baton.core import ActionId, Conflict, Trust
from baton.ledger import Stay, Transaction, events, journal, mail, reservations, stays
from baton.ledger.reservations import Reservation
from baton.ledger.runs import ENDED, lock


def recall(tx: Transaction, action: str, by: str, note: str = "") -> Stay:
    """Take an action back that is held up, for good; its agent is told.

    Raises:
        NotFound: if there is no such action.
        Conflict: if it is not held up any more; says what became of it.
    """
    stay = stays.find(tx, action)
    if not stays.recall(tx, stay.action, by, note):
        raise Conflict(f"recall of {stay.action}", _became(tx, stay.action))
    events.emit(tx, stay.run, "action.recalled", action=stay.action, by=by)
    text = f"[{stay.tool} {stay.action} recalled by {by}] It does not happen. {note}".rstrip()
    mail.post(tx, stay.run, "notice", sender=by, text=text, trust=Trust.USER)
    reservations.let_go(tx, stay.run, stay.action)
    return stay


def release(tx: Transaction, action: str, by: str) -> Stay:
    """Let an action go ahead at once, also outside its window.

    Raises:
        NotFound: if there is no such action.
        Conflict: if it is not held up any more; says what became of it.
    """
    stay = stays.find(tx, action)
    if not stays.release(tx, stay.action, by):
        raise Conflict(f"release of {stay.action}", _became(tx, stay.action))
    events.emit(tx, stay.run, "action.released", action=stay.action, by=by)
    return stay


def _became(tx: Transaction, action: ActionId) -> str:
    stay = stays.get(tx, action)
    if stay is None or stay.state == "over":
        return "its time has come, it goes ahead"
    return f"{stay.by} has recalled it" if stay.state == "recalled" else "its run has ended"


def taken_back(tx: Transaction, one: Reservation, by: str) -> None:
    """Somebody gives back what is, or would be, another's: a run is told, unless it has ended or a call has it."""
    if one.run is None or lock(tx, one.run) in (*ENDED, None):
        return
    events.emit(tx, one.run, "resource.taken", action=one.key, resources=list(one.tokens), by=by)
    if one.scope == "run":
        text = f"[reservation over] {by} has taken {one.names} back: you have it no more, and do not wait for it."
        mail.post(tx, one.run, "notice", sender=by, text=text, trust=Trust.SYSTEM)
    elif one.waits and one.key is not None:
        mail.post(tx, one.run, "go", sender=by, ref=one.key)  # it asks anew, behind the others


def staged_with_arguments(tx: Transaction) -> list[tuple[Stay, dict[str, Any]]]:
    """What is held up, each with the arguments that were proposed."""
    return [(stay, journal.proposal(tx, stay.action).action.arguments) for stay in stays.listed(tx)]
