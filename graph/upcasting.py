"""Open actions of an older version of their tool: brought into the form that it takes now, and judged anew."""

from dataclasses import replace
from typing import Any

from baton.agents import upcast
from baton.core import Action, ReviewId, Ruling, Verdict, random_id
from baton.graph.judging import judge
from baton.graph.outcome import Outcome, denial
from baton.graph.past import Past
from baton.graph.team import Member
from baton.graph.trouble import open_review
from baton.ledger import DecisionKind, Proposal, Review, ReviewKind, Run, Transaction, journal, mail, reviews
from baton.policies import asked_form


def behind(member: Member, action: Action) -> bool:
    """Whether an action is of an older version of its tool, from which upcasters lead to its own."""
    spec = member.agent.specs.get(action.tool)
    return spec is not None and action.version != spec.version and action.version in spec.upcasters


def brought_up(member: Member, action: Action) -> Action:
    """An action as its tool takes it now.

    Raises:
        ValueError: if an upcaster does not take it, or gives what the tool does not.
    """
    spec = member.agent.specs[action.tool]
    return replace(action, version=spec.version, arguments=upcast(spec, action.version, action.arguments))


def ask_upcast(member: Member, past: Past, proposal: Proposal, action: Action, verdict: Verdict, why: str) -> Outcome:
    """Ask the same people anew, with the difference: what they approved is not what would run now."""
    try:
        now = brought_up(member, action)
    except ValueError as error:
        return denial(f"the tool has changed since {why}, and its upcasters fail: {error}")
    anew = judge(member, past.run, now, past.record([], member.agent.specs))
    if anew.ruling is Ruling.DENY:
        return denial(f"the tool has changed since {why}: {anew.reason}", anew.rules)
    review, asking = ReviewId(random_id("rev")), _asking(anew, verdict)

    def ask(tx: Transaction) -> None:
        _open(tx, past.run, review, proposal, now, asking, why)

    said = f"pending: review {review}: the tool has changed since {why}"
    return Outcome(text=said, pending=True, review=review, asks=asking, riders=[ask])


def supersede(tx: Transaction, member: Member, past: Past, review: Review) -> None:
    """Put a question in the form that the tool takes now in place of one that is open."""
    assert review.action is not None
    proposal = journal.proposal(tx, review.action)
    try:
        now = brought_up(member, asked_form(proposal.action, review.question))
    except ValueError as error:
        return _refuse(tx, review, proposal, f"its upcasters fail: {error}")
    anew = judge(member, past.run, now, past.record([], member.agent.specs))
    if anew.ruling is Ruling.DENY:
        return _refuse(tx, review, proposal, anew.reason)
    id, asking = ReviewId(random_id("rev")), _asking(anew, review.verdict)
    said = f"the tool has changed; asked again as {id}"
    if reviews.close_unanswered(tx, review, DecisionKind.WITHDRAWN, said, keep=asking.reserve):
        _open(tx, past.run, id, proposal, now, asking, "it was proposed")


def _refuse(tx: Transaction, review: Review, proposal: Proposal, why: str) -> None:
    """Withdraw a question about a call that cannot be made any more, and tell the agent."""
    said = f"the tool has changed: {why}"
    journal.spoil(tx, proposal.action.id, said)
    if reviews.close_unanswered(tx, review, DecisionKind.WITHDRAWN, said):
        mail.post(tx, review.run, "decision", sender="baton", ref=review.id)


def _asking(anew: Verdict, before: Verdict) -> Verdict:
    """The verdict that a renewed question rests on: policy's own, or with the reviewers of before where it allows."""
    return anew if anew.ruling is Ruling.ASK else replace(before, ruling=Ruling.ASK, policy=anew.policy)


def _open(tx: Transaction, run: Run, id: ReviewId, proposal: Proposal, now: Action, verdict: Verdict, why: str) -> None:
    old = proposal.action
    question: dict[str, Any] = {
        "summary": f"May {run.agent} call {now.tool}? The tool has changed since {why}.",
        "arguments": now.arguments,
        "version": now.version,
        "confidence": old.confidence,
        "reason": old.reason,
        "was": {"version": old.version, "arguments": old.arguments},
    }
    open_review(tx, run, id, ReviewKind.ACTION, question, verdict, action=old.id, tool=old.tool)
    journal.set_review(tx, old.id, id)
