"""Answers that came together, each applied by itself: what becomes of one changes nothing for the others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from baton.core import BatonError, ReviewId
from baton.ledger import Decision, Review
from baton.review.deciding import Answer


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of one answer.

    Attributes:
        decision: The decision that stands by it; None where it could not be applied.
        error: Why it could not; None if it could.
    """

    review: ReviewId
    decision: Decision | None = None
    error: BatonError | None = None


async def apply(
    decide: Callable[[str, Answer], Awaitable[Decision]], answers: Sequence[tuple[Review, Answer]]
) -> list[Applied]:
    """Decide reviews one after the other, each in a transaction of its own; what could not be is told beside the rest.

    Args:
        decide: Decides one, with its edit judged again.
        answers: What `decode` gave.
    """
    return [await _applied(decide, review.id, answer) for review, answer in answers]


async def _applied(decide: Callable[[str, Answer], Awaitable[Decision]], id: ReviewId, answer: Answer) -> Applied:
    try:
        return Applied(review=id, decision=await decide(id, answer))
    except BatonError as error:
        return Applied(review=id, error=error)
