"""What the waits of questions consisted of: nobody on duty, everybody busy, nobody looking, thinking, delivery."""

from collections.abc import Sequence

from baton.core import ReviewId, Roster
from baton.flow.parts import Parts, presence, split
from baton.ledger import Review, Transaction
from baton.ledger.courses import Course, courses


def waits_of(tx: Transaction, asked: Sequence[Review], roster: Roster) -> dict[str, Parts]:
    """What each answered question's wait consisted of, by its id; those that nobody answered are left out."""
    if not any(review.decision for review in asked):
        return {}
    known = courses(tx, min(review.opened_at for review in asked))
    wanted = {review.id for review in asked}
    return {course.review.id: _parts(course, known, roster, tx.now) for course in known if _waited(course, wanted)}


def _waited(course: Course, wanted: set[ReviewId]) -> bool:
    return course.review.id in wanted and bool(course.said) and course.delivered is not None


def _parts(course: Course, known: Sequence[Course], roster: Roster, now: float) -> Parts:
    review, decided = course.review, course.said[-1].at
    delivered = course.delivered or decided
    duty = roster.duty(review.reviewers, review.skills, review.opened_at, max(delivered, review.opened_at + 1.0))
    busy = {
        name: sorted((claim.start, min(claim.end, now)) for one in known for claim in one.claims if claim.by == name)
        for name in duty
    }
    there = presence((spans, busy[name]) for name, spans in duty.items())
    claims = [(claim.start, claim.end) for claim in course.claims]
    return split(review.opened_at, decided, delivered, claims, there)
