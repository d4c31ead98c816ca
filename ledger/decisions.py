"""Decisions as rows: what was answered to a question, by whom, and whether it was taken back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from baton.core import ActionId, DecisionId, ReviewId, RunId, Verdict, dump, random_id
from baton.ledger import bodies
from baton.ledger.journal import verdict_from, verdict_json
from baton.ledger.schema_people import decisions, reviews
from baton.ledger.transaction import Transaction


class DecisionKind(StrEnum):
    """What was answered, by a person or by the queue."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    RESPOND = "respond"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Source(StrEnum):
    """Who or what decided; told apart for ever."""

    PERSON = "person"
    TIMEOUT = "timeout"  # nobody answered by the deadline
    POLICY = "policy"  # the question no longer mattered, or policy settled it


@dataclass(frozen=True, kw_only=True)
class Decision:
    """An answer to a review.

    Attributes:
        by: The person, or `baton` for the queue's own.
        delivery: What its sender calls the answer; None where it has no name.
        source: Whether that was a person, a deadline, or a policy of the queue's.
        channel: Where it came from, such as `cli` or `sdk`.
        arguments: The arguments as edited; None where they are as proposed.
        verdict: What policy said of the edit; None without one.
        digest: Of exactly what was approved; None where nothing was.
        expires: When the approval lapses; None is never.
    """

    id: DecisionId
    review: ReviewId
    kind: DecisionKind
    by: str
    channel: str
    at: float
    note: str = ""
    arguments: dict[str, Any] | None = None
    verdict: Verdict | None = None
    digest: str | None = None
    expires: float | None = None
    source: Source = Source.PERSON
    delivery: str | None = None


def new_id() -> DecisionId:
    """An id for a decision about to be taken."""
    return DecisionId(random_id("dec"))


def record(tx: Transaction, run: RunId, decision: Decision) -> None:
    """Put a decision on record."""
    tx.execute(
        insert(decisions).values(
            id=decision.id,
            review=decision.review,
            run=run,
            kind=decision.kind,
            by=decision.by,
            channel=decision.channel,
            note=bodies.store(tx, decision.note) if decision.note else None,
            arguments=dump(decision.arguments) if decision.arguments is not None else None,
            verdict=verdict_json(decision.verdict) if decision.verdict else None,
            digest=decision.digest,
            expires=decision.expires,
            at=decision.at,
            source=decision.source,
            delivery=decision.delivery,
        )
    )


def undo(tx: Transaction, decision: DecisionId) -> None:
    """Mark a decision as taken back; it stays on record."""
    tx.changed(_UNDO, taken_back=decision, now=tx.now)


def approved_by(tx: Transaction, action: ActionId) -> ReviewId | None:
    """The review in which a person has approved an action, as it was or as they changed it; None if nobody has."""
    found: ReviewId | None = tx.value(_APPROVED, action=action)
    return found


_APPROVED = (
    select(reviews.c.id)
    .join(decisions, decisions.c.id == reviews.c.decision)
    .where(
        reviews.c.action == bindparam("action"),
        decisions.c.kind.in_((DecisionKind.APPROVE.value, DecisionKind.EDIT.value)),
        decisions.c.source == Source.PERSON.value,
        decisions.c.undone_at.is_(None),
    )
)
_UNDO = update(decisions).where(decisions.c.id == bindparam("taken_back")).values(undone_at=bindparam("now"))


def delivered(tx: Transaction, review: ReviewId, delivery: str) -> Decision | None:
    """The decision or vote that the delivery of this name has led to; None if there is none."""
    query = select(decisions.c.id).where(decisions.c.review == review, decisions.c.delivery == delivery)
    ids = tx.values(query)
    return read(tx, ids)[ids[0]] if ids else None


def votes(tx: Transaction, ids: Sequence[str]) -> dict[str, tuple[Decision, ...]]:
    """The approvals of open reviews, since somebody last changed what is approved."""
    found: dict[str, tuple[Decision, ...]] = {}
    counts = decisions.c.review.in_(ids) & decisions.c.undone_at.is_(None)
    query = select(decisions.c.id).where(counts).order_by(decisions.c.at, decisions.c.id)
    given = tx.values(query) if ids else []
    known = read(tx, given)
    for id in given:
        one = known[id]
        before = () if one.kind is DecisionKind.EDIT else found.get(one.review, ())
        found[one.review] = (*before, one)
    return found


def read(tx: Transaction, ids: Sequence[str]) -> dict[str, Decision]:
    """Decisions by their ids."""
    rows = tx.rows(select(decisions).where(decisions.c.id.in_(ids))) if ids else []
    notes = bodies.load(tx, [row.note for row in rows])
    return {
        row.id: Decision(
            id=row.id,
            review=row.review,
            kind=DecisionKind(row.kind),
            by=row.by,
            channel=row.channel,
            note=notes[row.note] if row.note else "",
            arguments=json.loads(row.arguments) if row.arguments else None,
            verdict=verdict_from(row.verdict) if row.verdict else None,
            digest=row.digest,
            expires=row.expires,
            at=row.at,
            source=Source(row.source),
            delivery=row.delivery,
        )
        for row in rows
    }
