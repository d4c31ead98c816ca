"""How a fact takes the place of others, and what stays in conflict. What is true of when is kept.

Of a predicate that holds one value at a time, a newer beginning ends what was true before it: the older fact is
retired, and what remains of its validity is recorded anew. Nothing supersedes what is trusted more than itself.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from sqlalchemy import bindparam, insert, or_, select, update

from baton.core import FactId
from baton.ledger.fact_rows import add, close, passages
from baton.ledger.fact_values import Claim, Fact, claim_of, fact_of
from baton.ledger.schema_memory import fact_links, facts, predicates
from baton.ledger.transaction import Transaction

Holds = Literal["one", "many"]


def declare(tx: Transaction, tenant: str, predicate: str, holds: Holds) -> None:
    """Say how many values a predicate holds at a time; what is recorded already stays as it is."""
    if not tx.changed(_REDECLARE, owner=tenant, predicate=predicate, many=holds):
        tx.execute(_DECLARE, {"tenant": tenant, "name": predicate, "holds": holds})


def holding(tx: Transaction, tenant: str, predicate: str) -> Holds | None:
    """How many values a predicate holds at a time; None where nobody has said."""
    found: Holds | None = tx.value(_HOLDS, tenant=tenant, predicate=predicate)
    return found


def settle(tx: Transaction, claim: Claim) -> FactId:
    """Add a fact with a predicate: it supersedes what it may, and is linked with what it contradicts."""
    holds = holding(tx, claim.tenant, claim.predicate or "")
    rivals = [] if holds == "many" else _rivals(tx, claim)
    if holds == "one" and claim.valid_to is None:
        later = [one.valid_from for one in rivals if _start(one) > _start(claim) and one.valid_from is not None]
        claim = replace(claim, valid_to=min(later, default=None))
    rivals = [one for one in rivals if _overlap(claim, one)]
    fact = add(tx, claim)
    for one in rivals:
        if holds == "one" and one.label.trust <= claim.label.trust:
            cut(tx, one, claim.valid_from, claim.valid_to)
            link(tx, fact, one.id, "supersedes")
        else:
            link(tx, fact, one.id, "conflicts")
    return fact


def cut(tx: Transaction, old: Fact, begins: float | None, ends: float | None) -> list[FactId]:
    """Take [begins, ends) out of a fact's validity: it is retired, and what remains of it is recorded anew."""
    close(tx, old.id)
    left = (old.valid_from, begins if old.valid_to is None or begins is None else min(begins, old.valid_to))
    right = (ends if old.valid_from is None or ends is None else max(ends, old.valid_from), old.valid_to)
    pieces: list[FactId] = []
    for since, until in [left] * (begins is not None) + [right] * (ends is not None):
        if since is None or until is None or since < until:
            kept = claim_of(old, passages(tx, old.id))
            pieces.append(add(tx, replace(kept, valid_from=since, valid_to=until)))
            link(tx, pieces[-1], old.id, "continues")
    return pieces


def link(tx: Transaction, fact: FactId, other: FactId, kind: str) -> None:
    """Note how a newer fact stands to another: it supersedes, continues, conflicts, sums up or repeats it."""
    tx.execute(_LINK, {"fact": fact, "other": other, "kind": kind})


def links(tx: Transaction, found: Sequence[FactId]) -> list[tuple[FactId, FactId, str]]:
    """How these facts stand to others: the newer fact, the other, and the kind."""
    return [(row.fact, row.other, row.kind) for row in tx.rows(_LINKS, facts=list(found))] if found else []


def _rivals(tx: Transaction, claim: Claim) -> list[Fact]:
    """Believed facts that say something else of the same."""
    values = {"tenant": claim.tenant, "scope": claim.scope, "subject": claim.subject, "predicate": claim.predicate}
    found = [fact_of(row) for row in tx.rows(_SAME, now=tx.now, **values)]
    return [one for one in found if _said(one) != _said(claim)]


def _said(of: Claim | Fact) -> str:
    return (of.text if of.object is None else of.object).strip().casefold()


def _start(of: Claim | Fact) -> float:
    return float("-inf") if of.valid_from is None else of.valid_from


def _end(of: Claim | Fact) -> float:
    return float("inf") if of.valid_to is None else of.valid_to


def _overlap(one: Claim | Fact, other: Claim | Fact) -> bool:
    return _start(one) < _end(other) and _start(other) < _end(one)


_SAME = (
    select(facts)
    .where(
        facts.c.tenant == bindparam("tenant"),
        facts.c.scope == bindparam("scope"),
        facts.c.subject == bindparam("subject"),
        facts.c.predicate == bindparam("predicate"),
        facts.c.retired_at.is_(None),
        facts.c.quarantined_at.is_(None),
        or_(facts.c.expires_at.is_(None), facts.c.expires_at > bindparam("now")),
    )
    .order_by(facts.c.recorded_at, facts.c.id)
)
_HOLDS = select(predicates.c.holds).where(
    predicates.c.tenant == bindparam("tenant"), predicates.c.name == bindparam("predicate")
)
_DECLARE = insert(predicates).values({c.name: bindparam(c.name) for c in predicates.c})
_REDECLARE = (
    update(predicates)
    .where(predicates.c.tenant == bindparam("owner"), predicates.c.name == bindparam("predicate"))
    .values(holds=bindparam("many"))
)
_LINK = insert(fact_links).values({c.name: bindparam(c.name) for c in fact_links.c})
_LINKS = select(fact_links).where(
    or_(
        fact_links.c.fact.in_(bindparam("facts", expanding=True)),
        fact_links.c.other.in_(bindparam("facts", expanding=True)),
    )
)
