"""What happens when a time has come: a wait is over, a question expires, a goal is late."""

from functools import partial

from baton.core import Conflict, ReviewId, RunId
from baton.ledger import DecisionKind, Ledger, Timer, Transaction, events, mail, reviews, runs, timers


async def fire_due(ledger: Ledger) -> int:
    """Do what is due, each timer exactly once; how many there were."""
    due = await ledger.read(timers.due)
    for timer in due:
        await ledger.write(partial(_fire, timer))
    return len(due)


def _fire(timer: Timer, tx: Transaction) -> None:
    if not timers.clear(tx, timer.id) or runs.get(tx, timer.run).ended:
        return
    match timer.kind:
        case "wait":
            _tell(tx, timer.run, "[wait] The time you waited for has come.")
        case "goal":
            _tell(tx, timer.run, "[deadline] The deadline of the goal has passed. Finish with what you have.")
        case "review":
            _review_due(tx, timer)


def _review_due(tx: Transaction, timer: Timer) -> None:
    review = reviews.get(tx, ReviewId(timer.ref or ""))
    if not review.open:
        return
    if review.on_deadline != "deny":
        events.emit(tx, timer.run, "review.late", review=review.id)
        return
    if reviews.close_unanswered(tx, review, DecisionKind.EXPIRED, "nobody answered in time"):
        mail.post(tx, timer.run, "decision", sender="baton", ref=review.id)


def _tell(tx: Transaction, run: RunId, text: str) -> None:
    try:
        mail.post(tx, run, "timer", sender="baton", text=text)
    except Conflict:
        return  # the run has ended: nobody waits for this time any more
