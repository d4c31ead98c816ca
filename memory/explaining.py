"""Why a fact is believed: what it rests on, how it stands to others, what was said of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import FactId
from baton.ledger import Fact, Passage, Transaction, facts, feedback, superseding, suspicion
from baton.ledger.fact_rows import passages
from baton.ledger.fact_values import fact_source
from baton.ledger.feedback import Feedback


@dataclass(frozen=True)
class Relation:
    """How a fact stands to another one.

    Attributes:
        kind: supersedes, continues, conflicts, repeats.
        newer: Whether the fact in question is the newer of the two, so that it is it that does so.
    """

    kind: str
    other: FactId
    newer: bool


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a fact is believed, or is not any more.

    Attributes:
        passages: What it rests on.
        derived: Facts that rest on it, and go when it goes.
        relations: How it stands to others.
        feedback: What was said of it.
    """

    fact: Fact
    passages: Sequence[Passage]
    derived: Sequence[FactId]
    relations: Sequence[Relation]
    feedback: Sequence[Feedback]


def explained(tx: Transaction, tenant: str, id: FactId) -> Explanation:
    """Explain a tenant's fact.

    Raises:
        NotFound: if there is none.
    """
    fact = facts.one(tx, tenant, id)
    links = superseding.links(tx, [id])
    return Explanation(
        fact=fact,
        passages=passages(tx, id),
        derived=sorted(suspicion.from_source(tx, tenant, fact_source(id))),
        relations=[Relation(kind, b if a == id else a, a == id) for a, b, kind in links],
        feedback=feedback.given(tx, id),
    )
