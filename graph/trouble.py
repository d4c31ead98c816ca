"""Opening reviews: about an action, about a doubt, about an agent that cannot go on."""

import json
from collections.abc import Mapping
from typing import Any

from baton.core import ActionId, Fault, ReviewId, Ruling, Verdict, format_time, random_id
from baton.ledger import (
    EffectState,
    Lease,
    Proposal,
    ReviewKind,
    Run,
    Transaction,
    effects,
    events,
    journal,
    leases,
    mail,
    people,
    reviews,
    runs,
    timers,
)
from baton.review.expecting import expect
from baton.review.staffing import last_call

ESCALATED_AFTER = 0.75
"""The share of the time until its deadline after which a question is escalated: the rest is for those asked then."""

TAKEOVERS = 3
"""Workers in a row that may die while they hold a run, before it is left alone until a person says otherwise."""


def open_review(
    tx: Transaction,
    run: Run,
    review: ReviewId,
    kind: ReviewKind,
    question: Mapping[str, Any],
    verdict: Verdict,
    *,
    action: ActionId | None = None,
    tool: str = "",
) -> None:
    """Put a question into the queue with its timers, and say when its answer is expected."""
    deadline = reviews.open_(
        tx,
        run.id,
        kind,
        id=review,
        action=action,
        agent=run.agent,
        tool=tool,
        question=question,
        verdict=verdict,
        requester=run.requester,
        tenant=run.tenant,
    )
    if deadline is not None:
        timers.start(tx, run.id, deadline, "review", review)
        if verdict.on_deadline == "escalate":
            timers.start(tx, run.id, _escalated_at(tx, verdict, deadline), "escalation", review)
    expect(tx, reviews.get(tx, review))


def _escalated_at(tx: Transaction, verdict: Verdict, deadline: float) -> float:
    """When others are asked as well: early enough, and while those who were asked first can still answer."""
    last = last_call(people.roster(tx), verdict.reviewers, verdict.skills, deadline, since=tx.now)
    return min(tx.now + ESCALATED_AFTER * (deadline - tx.now), tx.now if last is None else last)


def open_for(tx: Transaction, run: Run, proposal: Proposal, known: Mapping[str, Any]) -> None:
    """Open the review that a proposal waits for; `known` is what else the question says: what would change, say."""
    assert proposal.review is not None
    action = proposal.action
    asks = action.tool == "ask_person"
    question: dict[str, Any] = {
        "summary": action.arguments["question"] if asks else f"May {run.agent} call {action.tool}?",
        "arguments": action.arguments,
        "confidence": action.confidence,
        "reason": action.reason,
        **known,
    }
    kind = ReviewKind.QUESTION if asks else ReviewKind.ACTION
    open_review(tx, run, proposal.review, kind, question, proposal.verdict, action=action.id, tool=action.tool)


def open_trouble(
    tx: Transaction, run: Run, problem: str, fault: Fault, known: Mapping[str, str] | None = None
) -> ReviewId:
    """Ask people what to do with a run that cannot go on by itself, unless they are asked already.

    Args:
        tx: The transaction.
        run: The run, as it stands.
        problem: What went wrong, for people.
        fault: Its class.
        known: The evidence, by name.
    """
    runs.trouble(tx, run.id, problem, fault)
    for waiting in reviews.waiting(tx, runs=[run.id]):
        if waiting.kind is ReviewKind.TROUBLE:
            return waiting.id
    review = ReviewId(random_id("rev"))
    question: dict[str, Any] = {
        "summary": problem,
        "fault": fault,
        "tries": run.attempts + 1,
        "answers": "approve: go on. respond TEXT: go on, and tell the agent this. reject: end the run.",
    }
    if known:
        question["known"] = dict(known)
    verdict = Verdict(ruling=Ruling.ASK, reason=problem, policy="", kind=f"{run.agent}/trouble")
    open_review(tx, run, review, ReviewKind.TROUBLE, question, verdict)
    return review


def held_back(tx: Transaction, lease: Lease) -> bool:
    """Park a run that has killed its workers, until a person lets it go on or cancels it; whether that was so."""
    if lease.takeovers >= TAKEOVERS:
        run = runs.get(tx, lease.run)
        problem = f"{lease.takeovers} workers in a row have died while they held this run"
        open_trouble(tx, run, problem, Fault.POISONED, _evidence(tx, run))
    elif not (lease.poisoned and _asked(tx, lease)) or mail.cancelled(tx, lease.run, 0):
        return False
    leases.park(tx, lease)
    return True


def _asked(tx: Transaction, lease: Lease) -> bool:
    return any(review.kind is ReviewKind.TROUBLE for review in reviews.waiting(tx, runs=[lease.run]))


def _evidence(tx: Transaction, run: Run) -> dict[str, str]:
    """What points to why a run's workers died: when and who, what was begun and never confirmed, what came last."""
    lost = events.latest(tx, run.id, "run.taken_over", TAKEOVERS)
    held = [f"{event.data['owner']} (epoch {event.data['epoch']}), noticed {format_time(event.at)}" for event in lost]
    begun = [effect for effect in effects.of_run(tx, run.id) if effect.state is EffectState.CLAIMED]
    calls = [f"{each.tool} {_arguments(tx, each.key)}, key {each.key}, begun {each.attempts} times" for each in begun]
    last = [event.kind for event in events.latest(tx, run.id) if event.kind != "run.taken_over"]
    return {
        "workers": "; ".join(held),
        "begun, never confirmed": "; ".join(calls) or "nothing",
        "last events": ", ".join(last),
        "turn": str(run.turns),
    }


def _arguments(tx: Transaction, action: ActionId) -> str:
    return json.dumps(journal.proposal(tx, action).action.arguments, ensure_ascii=False)
