"""What happens when a time has come: a wait is over, a question expires, a goal is late."""

from collections.abc import Callable, Mapping

from baton.core import ActionId, ReviewId, RunId, format_time
from baton.graph import handing, negotiating, rerouting, settling, staging
from baton.graph.sharing import granted, not_reserved, run_out
from baton.ledger import ENDED, Ledger, Review, Timer, Transaction, events, mail, reviews, runs, timers, waits
from baton.policies.promises.learning import learn
from baton.review import deciding

BATCH = 200
"""Timers that are fired in one transaction. Between two batches runs are begun, so that a crowd starves nobody."""


async def fire_due(ledger: Ledger) -> int:
    """Do what is due, the oldest first, each timer exactly once; how many there were, `BATCH` at most.

    Whoever calls it calls it again until it says 0. Several workers may do so at once.
    """
    soonest = await ledger.read(timers.next_due)
    if soonest is None or soonest > ledger.clock.now():
        return 0
    fired, certificates = await ledger.write(_fire_batch)
    for certificate in certificates:
        await learn(ledger, certificate)
    return fired


def _fire_batch(tx: Transaction) -> tuple[int, set[str]]:
    """How many timers there were, and the certificates that were told something."""
    due = timers.take(tx, BATCH)
    status = runs.lock_all(tx, {timer.run for timer in due})
    told: dict[RunId, str] = {}
    rest: list[Timer] = []
    seen: set[RunId] = set()
    for timer in due:
        if timer.kind != "lease" and status.get(timer.run, "gone") in (*ENDED, "gone"):
            continue  # a lease runs out whether or not its run is there, and a person's has none
        if timer.kind in ("wait", "goal") and timer.run not in seen:
            told[timer.run] = _notice(timer)
        else:
            rest.append(timer)
        seen.add(timer.run)
    mail.post_all(tx, "timer", told)
    labelled = [_fire(tx, timer) for timer in rest]  # behind the first of its run, or with more than to tell
    return len(due), {certificate for certificate in labelled if certificate is not None}


def _notice(timer: Timer) -> str:
    if timer.kind == "goal":
        return "[deadline] The deadline of the goal has passed. Finish with what you have."
    return f"[wait] The time you waited for has come: {format_time(timer.due)}."


def _fire(tx: Transaction, timer: Timer) -> str | None:
    """Do what a timer is for; the certificate that was told something, if one was."""
    match timer.kind:
        case "wait" | "goal":
            _tell(tx, timer.run, _notice(timer))
        case "event":
            _event_due(tx, ActionId(timer.ref or ""))
        case "review":
            _review_due(tx, reviews.get(tx, ReviewId(timer.ref or "")))
        case "escalation":
            _escalate(tx, reviews.get(tx, ReviewId(timer.ref or "")))
        case "handoff" | "offer" | "reroute" | "award" | "settle":
            _TOGETHER[timer.kind](tx, timer.ref or "")
        case "join":
            handing.tell_joined(tx, timer.run, timer.ref or "")
        case "decision":
            return deciding.send(tx, ReviewId(timer.ref or ""))
        case _:
            _fire_shared(tx, timer)
    return None


def _fire_shared(tx: Transaction, timer: Timer) -> None:
    """The same for what is shared, and for what is held up."""
    match timer.kind:
        case "stay":
            staging.go_ahead(tx, ActionId(timer.ref or ""))
        case "grant":
            granted(tx, timer.run, int(timer.ref or 0))
        case "unreserved":
            not_reserved(tx, timer.run, int(timer.ref or 0))
        case _:
            run_out(tx, int(timer.ref or 0))


_TOGETHER: Mapping[str, Callable[[Transaction, str], None]] = {
    "handoff": handing.overdue,
    "offer": rerouting.unanswered,
    "reroute": rerouting.reroute,
    "award": negotiating.award,
    "settle": settling.by_person,
}
"""What is done for hand-offs, calls for proposals and claims, with what the timer is about."""


def _event_due(tx: Transaction, action: ActionId) -> None:
    settled = waits.settle(tx, action)
    if settled is None:
        return
    wait, signal = settled
    if signal is None:
        _tell(tx, wait.run, f"[wait] The event {wait.event} has not come in the time you gave it.")
    else:
        mail.post(tx, wait.run, "event", sender=signal.sender, body=signal.body, trust=signal.trust)


def _review_due(tx: Transaction, review: Review) -> None:
    if not review.open or review.held is not None:
        return
    if review.on_deadline in ("deny", "approve"):
        deciding.by_deadline(tx, review)
    else:
        events.emit(tx, review.run, "review.late", review=review.id)


def _escalate(tx: Transaction, review: Review) -> None:
    to = review.verdict.escalate_to
    if review.held is None and reviews.escalate(tx, review, to):
        events.emit(tx, review.run, "review.escalated", review=review.id, to=list(to))


def _tell(tx: Transaction, run: RunId, text: str) -> None:
    mail.post(tx, run, "timer", sender="baton", text=text)
