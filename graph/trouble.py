"""Opening reviews: about an action, about a doubt, about an agent that cannot go on."""

from collections.abc import Mapping
from typing import Any

from baton.core import ActionId, ReviewId, Ruling, Verdict, random_id
from baton.ledger import Proposal, ReviewKind, Run, Transaction, reviews, timers


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
    """Put a question into the queue, with a timer for its deadline."""
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
    )
    if deadline is not None:
        timers.start(tx, run.id, deadline, "review", review)


def open_for(tx: Transaction, run: Run, proposal: Proposal) -> None:
    """Open the review that a proposal waits for, unless another proposal of the same has opened it."""
    assert proposal.review is not None
    action = proposal.action
    asks = action.tool == "ask_person"
    question: dict[str, Any] = {
        "summary": action.arguments["question"] if asks else f"May {run.agent} call {action.tool}?",
        "arguments": action.arguments,
        "confidence": action.confidence,
        "reason": action.reason,
    }
    kind = ReviewKind.QUESTION if asks else ReviewKind.ACTION
    open_review(tx, run, proposal.review, kind, question, proposal.verdict, action=action.id, tool=action.tool)


def open_trouble(tx: Transaction, run: Run, problem: str) -> ReviewId:
    """Ask people what to do with a run that cannot go on by itself, unless they are asked already."""
    for waiting in reviews.waiting(tx, runs=[run.id]):
        if waiting.kind is ReviewKind.TROUBLE:
            return waiting.id
    review = ReviewId(random_id("rev"))
    question = {
        "summary": problem,
        "answers": "approve: go on. respond TEXT: go on, and tell the agent this. reject: end the run.",
    }
    verdict = Verdict(ruling=Ruling.ASK, reason=problem, policy="", kind=f"{run.agent}/trouble")
    open_review(tx, run, review, ReviewKind.TROUBLE, question, verdict)
    return review
