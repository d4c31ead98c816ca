"""What happens when a time has come: a wait is over, a question expires, a goal is late."""

from baton.core import ActionId, ReviewId, RunId, format_time
from baton.ledger import ENDED, DecisionKind, Ledger, Timer, Transaction, events, mail, reviews, runs, timers, waits

BATCH = 200
"""Timers that are fired in one transaction. Between two batches runs are begun, so that a crowd starves nobody."""


async def fire_due(ledger: Ledger) -> int:
    """Do what is due, the oldest first, each timer exactly once; how many there were, `BATCH` at most.

    Whoever calls it calls it again until it says 0. Several workers may do so at once.
    """
    soonest = await ledger.read(timers.next_due)
    if soonest is None or soonest > ledger.clock.now():
        return 0
    return await ledger.write(_fire_batch)


def _fire_batch(tx: Transaction) -> int:
    due = timers.take(tx, BATCH)
    status = runs.lock_all(tx, {timer.run for timer in due})
    told: dict[RunId, str] = {}
    rest: list[Timer] = []
    seen: set[RunId] = set()
    for timer in due:
        if status.get(timer.run, "gone") in (*ENDED, "gone"):
            continue
        if timer.kind in ("wait", "goal") and timer.run not in seen:
            told[timer.run] = _notice(timer)
        else:
            rest.append(timer)
        seen.add(timer.run)
    mail.post_all(tx, "timer", told)
    for timer in rest:  # behind the first of its run, or with more to do than to tell
        _fire(tx, timer)
    return len(due)


def _notice(timer: Timer) -> str:
    if timer.kind == "goal":
        return "[deadline] The deadline of the goal has passed. Finish with what you have."
    return f"[wait] The time you waited for has come: {format_time(timer.due)}."


def _fire(tx: Transaction, timer: Timer) -> None:
    match timer.kind:
        case "wait" | "goal":
            _tell(tx, timer.run, _notice(timer))
        case "event":
            _event_due(tx, ActionId(timer.ref or ""))
        case "review":
            _review_due(tx, timer)


def _event_due(tx: Transaction, action: ActionId) -> None:
    settled = waits.settle(tx, action)
    if settled is None:
        return
    wait, signal = settled
    if signal is None:
        _tell(tx, wait.run, f"[wait] The event {wait.event} has not come in the time you gave it.")
    else:
        mail.post(tx, wait.run, "event", sender=signal.sender, body=signal.body, trust=signal.trust)


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
    mail.post(tx, run, "timer", sender="baton", text=text)
