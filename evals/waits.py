"""What the waits of questions consisted of: nobody on duty, everybody busy, nobody looking, thinking, delivery."""

from collections.abc import Sequence

from baton.core import Roster
from baton.flow.parts import Parts, presence, split
from baton.flow.spent import Busy
from baton.ledger import Review, Transaction
from baton.ledger.courses import Course, courses_of


def waits_of(tx: Transaction, asked: Sequence[Review], roster: Roster, busy: Busy) -> dict[str, Parts]:
    """What each answered question's wait consisted of, by its id; those that nobody answered are left out.

    Args:
        tx: The transaction.
        asked: The questions.
        roster: Who may answer, and when they are on duty.
        busy: When each of them had a question to themselves.
    """
    answered = [review for review in asked if review.decision is not None]
    return {
        course.review.id: _parts(course, roster, busy)
        for course in courses_of(tx, answered)
        if course.said and course.delivered is not None
    }


def _parts(course: Course, roster: Roster, busy: Busy) -> Parts:
    review, decided = course.review, course.said[-1].at
    delivered = course.delivered or decided
    duty = roster.duty(review.reviewers, review.skills, review.opened_at, max(delivered, review.opened_at + 1.0))
    there = presence((spans, sorted(busy.claims.get(name, ()))) for name, spans in duty.items())
    claims = [(claim.start, claim.end) for claim in course.claims]
    return split(review.opened_at, decided, delivered, claims, there)
