"""Questions that are alike: the same call, judged by the same rules, may be decided together."""

from baton.ledger import Review, ReviewKind, Transaction, reviews

MOST_TOGETHER = 20
"""How many questions one answer may decide, the first one included."""

_LOOKED_AT = 500


def alike(tx: Transaction, review: Review, by: str) -> list[Review]:
    """The other open questions that may be decided together with one, oldest first.

    They ask for the same call of the same agent, by the same rules of the same policy, of the same people, and nobody
    else has them. Where several people have to approve, or another one than who asked, there are none.
    """
    if _on_its_own(review):
        return []
    same = _what(review)
    found = [one for one in reviews.of_tool(tx, review.tool, _LOOKED_AT) if one.id != review.id]
    free = [one for one in found if one.claimed_by in (None, by) and one.held is None and not _on_its_own(one)]
    return [one for one in free if _what(one) == same][: MOST_TOGETHER - 1]


def _on_its_own(review: Review) -> bool:
    decided = review.held is not None or not review.open
    return review.kind is not ReviewKind.ACTION or decided or review.verdict.grave


def _what(review: Review) -> tuple[object, ...]:
    verdict = review.verdict
    arguments = review.question.get("arguments")
    version = review.question.get("version")
    return review.agent, review.tool, version, arguments, verdict.policy, verdict.rules, review.reviewers
