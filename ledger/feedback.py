"""What was said of facts that were recalled: that they helped, or that they were wrong. Counted once a reference."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, insert, select, update

from baton.core import FactId
from baton.ledger.facts import one
from baton.ledger.schema_memory import fact_feedback, facts
from baton.ledger.transaction import Transaction

Said = Literal["used", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """One thing that was said of a fact; `at` is in seconds since 1970."""

    said: Said
    by: str
    ref: str
    at: float


def give(tx: Transaction, tenant: str, fact: FactId, said: Said, *, by: str, ref: str) -> bool:
    """Say of a fact that it was used or wrong; whether that was new.

    Args:
        tx: The transaction.
        tenant: Whose fact.
        fact: Which.
        said: What.
        by: Who says so.
        ref: What it comes from, such as an action or a review: each counts once.

    Raises:
        NotFound: if the tenant has no such fact.
    """
    one(tx, tenant, fact)
    if tx.row(_KNOWN, fact=fact, ref=ref) is not None:
        return False
    tx.execute(insert(fact_feedback).values(fact=fact, said=said, by=by, ref=ref, at=tx.now))
    tx.changed(_USED if said == "used" else _WRONG, changed=fact)
    return True


def given(tx: Transaction, fact: FactId) -> list[Feedback]:
    """What was said of a fact, oldest first."""
    return [Feedback(said=row.said, by=row.by, ref=row.ref, at=row.at) for row in tx.rows(_GIVEN, fact=fact)]


_KNOWN = select(fact_feedback.c.id).where(
    fact_feedback.c.fact == bindparam("fact"), fact_feedback.c.ref == bindparam("ref")
)
_GIVEN = select(fact_feedback).where(fact_feedback.c.fact == bindparam("fact")).order_by(fact_feedback.c.id)
_USED = update(facts).where(facts.c.id == bindparam("changed")).values(uses=facts.c.uses + 1)
_WRONG = update(facts).where(facts.c.id == bindparam("changed")).values(wrongs=facts.c.wrongs + 1)
