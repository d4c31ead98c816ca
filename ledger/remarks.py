"""What people and agents say about a question without deciding it, and until when somebody does not want to see it."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, delete, func, insert, select

from baton.core import ReviewId, RunId
from baton.ledger import bodies
from baton.ledger.events import emit
from baton.ledger.schema_people import remarks, snoozes
from baton.ledger.transaction import Transaction

RemarkKind = Literal["comment", "question", "answer"]


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something said about a question.

    Attributes:
        kind: A `comment` for other people, a `question` to the agent, or its `answer`.
        at: Seconds since 1970.
    """

    id: int
    review: ReviewId
    kind: RemarkKind
    by: str
    text: str
    at: float


def add(tx: Transaction, run: RunId, review: ReviewId, kind: RemarkKind, by: str, text: str) -> None:
    """Put a remark on record."""
    body = bodies.store(tx, text)
    values = {"review": review, "run": run, "kind": kind, "by": by, "body": body, "at": tx.now}
    remark = tx.value(insert(remarks).values(values).returning(remarks.c.id))
    emit(tx, run, f"review.{kind}", review=review, by=by, remark=remark)


def of(tx: Transaction, review: ReviewId) -> list[Remark]:
    """The remarks about a question, oldest first."""
    rows = tx.rows(_OF, review=review)
    texts = bodies.load(tx, [row.body for row in rows])
    return [
        Remark(id=row.id, review=row.review, kind=row.kind, by=row.by, text=texts[row.body], at=row.at) for row in rows
    ]


def asked(tx: Transaction, review: ReviewId) -> int:
    """How many questions to the agent there are about a question."""
    count: int = tx.value(_ASKED, review=review)
    return count


def snooze(tx: Transaction, review: ReviewId, by: str, until: float) -> None:
    """Let somebody not be given a question until then."""
    tx.changed(_WAKE, about=review, who=by)
    tx.execute(insert(snoozes).values(review=review, by=by, until=until))


_OF = select(remarks).where(remarks.c.review == bindparam("review")).order_by(remarks.c.id)
_ASKED = select(func.count()).where(remarks.c.review == bindparam("review"), remarks.c.kind == "question")
_WAKE = delete(snoozes).where(snoozes.c.review == bindparam("about"), snoozes.c.by == bindparam("who"))
