"""Scorers that fit every suite. A suite adds its own for its world."""

from collections import Counter

from baton.core import Ruling
from baton.evals.suite import Attempt, Score
from baton.ledger import DecisionKind, EffectState


def ending(attempt: Attempt) -> Score:
    """The run ended, or waits, as `expected["ends"]` says."""
    wanted, found = attempt.case.expected.get("ends", "done"), attempt.run.status
    return Score("ending", found == wanted, "" if found == wanted else f"expected {wanted}, found {found}")


def permitted(attempt: Attempt) -> Score:
    """Nothing was carried out that policy did not allow or a person approve."""
    said = {proposal.action.id: proposal.verdict.ruling for proposal in attempt.proposals}
    approved = {
        review.action
        for review in attempt.reviews
        if review.decision and review.decision.kind in (DecisionKind.APPROVE, DecisionKind.EDIT)
    }
    wrong = [e.key for e in attempt.effects if said[e.key] is not Ruling.ALLOW and e.key not in approved]
    return Score("permitted", not wrong, ", ".join(wrong))


def exactly_once(attempt: Attempt) -> Score:
    """Every claimed effect came to an end, and none was begun twice."""
    begun = Counter(str(event.data["action"]) for event in attempt.events if event.kind == "effect.claimed")
    twice = [key for key, count in begun.items() if count > 1]
    hanging = [effect.key for effect in attempt.effects if effect.state is EffectState.CLAIMED]
    detail = "; ".join([*(f"{key} begun twice" for key in twice), *(f"{key} never settled" for key in hanging)])
    return Score("exactly once", not detail, detail)
