"""What people's answers are like: as the agent proposed, of one mind with others, too fast to be read. No I/O."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.ledger import DecisionKind, Review, ReviewKind
from baton.ledger.courses import Course, Look, Said

WORDS_A_SECOND = 8.0
"""Nobody reads faster and takes it in: twice what adults do on average, 238 words a minute (Brysbaert 2019)."""

_SHOWN = ("summary", "arguments", "reason", "known")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    count: int = 0
    of: int = 0

    @property
    def value(self) -> float | None:
        """As a number from 0 to 1; None of none."""
        return self.count / self.of if self.of else None

    def counted(self, hit: bool) -> "Share":
        """With one more of them."""
        return Share(self.count + hit, self.of + 1)


def as_proposed(review: Review, said: Said) -> bool | None:
    """Whether an answer lets an action happen as the agent proposed it; None where it is about no action."""
    if review.kind is not ReviewKind.ACTION:
        return None
    changed = said.arguments is not None and said.arguments != review.question.get("arguments")
    return said.kind in (DecisionKind.APPROVE, DecisionKind.EDIT) and not changed


def reading_seconds(question: Mapping[str, Any]) -> float:
    """The least time in which anybody can have read a question: its summary, arguments, reason and what is known."""
    shown = json.dumps([question.get(name) for name in _SHOWN], ensure_ascii=False, default=str)
    return len(_WORD.findall(shown)) / WORDS_A_SECOND


def too_fast(course: Course, said: Said, earlier: float | None) -> bool | None:
    """Whether somebody approved an action sooner than they can have read about it; None where they approved none.

    The time to read began at the latest of these: it was asked, they claimed it, they gave the answer before.

    Args:
        course: What became of the review.
        said: The answer.
        earlier: When the same person gave the answer before; None where there is none.
    """
    review = course.review
    if review.kind is not ReviewKind.ACTION or said.kind is not DecisionKind.APPROVE:
        return None
    claimed = (claim.start for claim in course.claims if claim.by == said.by and claim.start <= said.at)
    began = max(review.opened_at, next(claimed, 0.0), earlier or 0.0)
    return said.at - began < reading_seconds(review.question)


def pairs(said: Sequence[Said]) -> Iterator[tuple[Said, Said, bool]]:
    """Each two answers of different people to one review, with whether both let the same happen, or nothing."""
    for one, other in itertools.combinations(said, 2):
        if one.by != other.by:
            yield one, other, _lets(one) == _lets(other)


def looked_alike(looks: Sequence[Look]) -> Iterator[tuple[Look, Look, bool]]:
    """Each two looks back at one action, with whether they came to the same."""
    for _, same in itertools.groupby(looks, key=lambda look: look.action):
        for one, other in itertools.combinations(same, 2):
            yield one, other, one.wrong == other.wrong


def _lets(said: Said) -> tuple[bool, Mapping[str, Any] | None]:
    happens = said.kind in (DecisionKind.APPROVE, DecisionKind.EDIT)
    return happens, said.arguments if happens else None
