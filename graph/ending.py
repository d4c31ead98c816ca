"""How a run ends: only while nobody has written to it, and nobody is left waiting for it."""

from baton.core import Conflict, Label, MailArrived, Observer, RunId, Unobserved
from baton.graph import handing, rerouting
from baton.graph.observing import tell_end
from baton.graph.outcome import End
from baton.graph.receive import handoff_text
from baton.ledger import (
    DecisionKind,
    HandoffState,
    Run,
    Transaction,
    checkpoints,
    handoffs,
    mail,
    reservations,
    reviews,
    runs,
    speculations,
    stays,
    texting,
    waits,
)

_NOBODY = Unobserved()


def end(tx: Transaction, run: Run, cursor: int, how: End, label: Label, observer: Observer = _NOBODY) -> None:
    """Record a run's end, take back its open questions and waits, stop its children and tell its parent.

    The mail that counts as read ends at `cursor`; `label` is that of what the run says, for the parent that reads it.

    Raises:
        MailArrived: if there is a message behind the cursor: nothing ends, the run reads it first.
    """
    if mail.has_unread(tx, run.id, cursor):
        raise MailArrived(run.id)
    runs.end(tx, run.id, how.outcome, how.summary, how.evidence)
    for review in reviews.waiting(tx, runs=[run.id]) if reviews.count_open(tx, run.id) else ():
        reviews.close_unanswered(tx, review, DecisionKind.WITHDRAWN, f"the run has ended ({how.outcome})")
    waits.drop(tx, run.id)
    stays.drop(tx, run.id)
    reservations.give_all_back(tx, run.id)
    speculations.drop(tx, run.id)
    checkpoints.prune(tx, run.id, 1)
    for handoff in handoffs.open_of_run(tx, run.id):
        handoffs.end(tx, handoff, HandoffState.WITHDRAWN, f"{run.agent} has ended ({how.outcome})")
    for child in runs.open_children(tx, run.id):
        mail.post(tx, child, "cancel", sender=run.id)
    tell_end(observer, run, how.outcome, tx.now)
    told = run.parent is not None and handing.returned(tx, run, how.outcome, how.summary, how.answer, label)
    if run.parent is not None and told and not handing.is_bid(tx, run.id):
        _tell_parent(tx, run, run.parent, how, label)


def _tell_parent(tx: Transaction, run: Run, parent: RunId, how: End, label: Label) -> None:
    text = handoff_text(run.agent, how.outcome, how.summary, how.answer) + rerouting.following(tx, run)
    try:
        mail.post(
            tx,
            parent,
            "handoff",
            sender=run.agent,
            text=text,
            ref=run.id,
            trust=label.trust,
            confidentiality=label.confidentiality,
        )
    except Conflict as error:  # the parent has ended (cancelled, most likely): nobody waits for this any more
        why = error.happened
        texting.set_aside(tx, parent, "handoff", sender=run.agent, text=text, ref=run.id, trust=label.trust, why=why)
