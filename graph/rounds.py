"""Round trips between an agent and people about one thing: no, and the same again. No I/O."""

import json
from collections.abc import Mapping, Sequence

from baton.core import Action, Ruling, dump
from baton.ledger import DecisionKind, Proposal, Review
from baton.policies import TOLD_NO


def call_of(action: Action) -> tuple[str, str]:
    """What an action calls, with what; the same for each that asks for the same."""
    return action.tool, dump(dict(sorted(action.arguments.items())))


def rounds(action: Action, kind: str, proposals: Sequence[Proposal], reviews: Sequence[Review]) -> list[Proposal]:
    """The proposals since the last yes that were as little use as this one is going to be, oldest first.

    Those are the ones of its class that people have rejected, each repetition of one that was not asked about again,
    and the very same question, answered before. It begins anew where people were asked what to do with the run.

    Args:
        action: The one that is judged.
        kind: Its class.
        proposals: All of the run, oldest first.
        reviews: All of the run.
    """
    known = {review.id: review for review in reviews}
    found: list[Proposal] = []
    for proposal in proposals:
        review = known.get(proposal.review) if proposal.review else None
        if proposal.verdict.kind != kind:
            continue
        if TOLD_NO in proposal.verdict.rules:
            found.clear()
        elif review is None or review.decision is None:
            continue
        elif review.decision.kind in (DecisionKind.APPROVE, DecisionKind.EDIT):
            found.clear()
        elif _no_use(proposal, review, action) and not _joined(proposal, found):
            found.append(proposal)
    return found


def refused(proposals: Sequence[Proposal], turn: int) -> Proposal | None:
    """What was not asked about in a turn because people have said no too often; None where nothing was."""
    return next((one for one in proposals if one.turn == turn and TOLD_NO in one.verdict.rules), None)


def told(found: Sequence[Proposal], again: Proposal, reviews: Sequence[Review]) -> Mapping[str, str]:
    """The round trips for people: what was proposed and what was said to it, and what is proposed again now."""
    known = {review.id: review for review in reviews}
    history: dict[str, str] = {}
    for number, proposal in enumerate(found, 1):
        decision = known[proposal.review].decision if proposal.review else None
        if decision is not None:
            repeated = "not asked again: " if proposal.verdict.ruling is Ruling.DENY else ""
            said = f"{repeated}{decision.by}: {decision.note or decision.kind}"
            history[f"{number}. {proposal.action.tool}"] = f"{_given(proposal.action)}; {said}"
    return {**history, "once more": _given(again.action)}


def _given(action: Action) -> str:
    return json.dumps(action.arguments, ensure_ascii=False)


def _no_use(proposal: Proposal, review: Review, action: Action) -> bool:
    answered = review.decision is not None and review.decision.kind is DecisionKind.RESPOND
    if answered:
        return call_of(proposal.action) == call_of(action)
    return review.decision is not None and review.decision.kind is DecisionKind.REJECT


def _joined(proposal: Proposal, found: Sequence[Proposal]) -> bool:
    """Whether it waited for the same question as one before it: both were told no at once."""
    return proposal.verdict.ruling is Ruling.ASK and proposal.review in {one.review for one in found}
