"""What of a run is not settled: actions that are to be carried out, asked about, approved, or begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from baton.core import Action, ReviewId, Ruling, RunId
from baton.graph.outcome import is_pending
from baton.ledger import (
    DecisionKind,
    EffectRecord,
    EffectState,
    Line,
    Proposal,
    Review,
    ReviewKind,
    Transaction,
    effects,
    journal,
    reservations,
    reviews,
    stays,
    transcript,
)

How = Literal["to do", "under review", "approved", "begun"]

_GO = (DecisionKind.APPROVE, DecisionKind.EDIT, DecisionKind.RESPOND)


@dataclass(frozen=True, kw_only=True)
class Matter:
    """One action that is not settled.

    Attributes:
        how: `to do` (nobody was asked; also what is held up, or waits for what it needs), `under review`, `approved`
            (and not carried out), `begun` (claimed, or in doubt: nobody knows whether it happened).
        review: The newest question about it; None where there is none.
    """

    action: Action
    how: How
    review: Review | None


def open_matters(tx: Transaction, run: RunId) -> list[Matter]:
    """A run's open matters, oldest first; read from the record alone, so that it can be asked before a deploy."""
    lines = transcript.read(tx, run, transcript.WHOLE)
    asked = {review.id: review for review in reviews.of_run(tx, run)}
    begun = {effect.key: effect for effect in effects.of_run(tx, run)}
    held = {stay.action for stay in stays.unfinished(tx, run)}
    held |= {one.key for one in reservations.of_run(tx, run) if one.scope == "action" and one.key is not None}
    last = {line.ref: line.text for line in lines if line.ref is not None}
    found: list[Matter] = []
    for proposal in journal.proposals(tx, run):
        review = asked.get(proposal.review or ReviewId(""))
        if review is not None and review.action != proposal.action.id:
            review = None  # it joined a question about another action, which carries it
        effect = begun.get(proposal.action.id)
        if effect is None and proposal.action.id in held and is_pending(last.get(proposal.action.id, "")):
            how: How | None = "to do" if review is None else "under review" if review.open else "approved"
        else:
            how = _how(proposal, lines, review, effect)
        if how is not None:
            found.append(Matter(action=proposal.action, how=how, review=review))
    return found


def _how(proposal: Proposal, lines: Sequence[Line], review: Review | None, effect: EffectRecord | None) -> How | None:
    action = proposal.action.id
    if proposal.problem is not None or proposal.verdict.ruling is Ruling.DENY:
        return None
    if effect is not None:
        return "begun" if effect.state in (EffectState.CLAIMED, EffectState.DOUBT) else None
    if review is not None and review.kind is not ReviewKind.QUESTION:
        if review.open:
            return "under review"
        if review.decision is not None and review.decision.kind in _GO:
            told = f"[review {review.id} "
            return None if any(line.ref == action and line.text.startswith(told) for line in lines) else "approved"
    answered = any(line.role == "tool" and line.ref == action for line in lines)
    return None if answered or review is not None else "to do"
