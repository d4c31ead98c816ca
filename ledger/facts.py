"""Facts as rows: what is believed, who said it, how far it is trusted. Never changed in place."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from baton.core import Confidentiality, FactId, Label, RunId, Trust, dump, random_id
from baton.ledger.schema import facts
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something believed.

    Attributes:
        scope: Who shares it.
        subject: What it is about.
        label: Its trust and confidentiality, and the sources it rests on.
        run: The run that recorded it; None if none did.
        retired_at: When it stopped being believed; None while it is.
    """

    id: FactId
    scope: str
    subject: str
    text: str
    label: Label
    run: RunId | None
    recorded_at: float
    retired_at: float | None


def record(tx: Transaction, scope: str, subject: str, text: str, label: Label, run: RunId | None) -> FactId:
    """Keep a fact; the same words about the same subject are kept again only if more trusted, or more confidential."""
    same = select(facts.c.id).where(
        facts.c.scope == scope,
        facts.c.subject == subject,
        facts.c.text == text,
        facts.c.trust >= int(label.trust),
        facts.c.confidentiality >= int(label.confidentiality),
        facts.c.retired_at.is_(None),
    )
    known = tx.value(same)
    if known is not None:
        return FactId(known)
    fact = FactId(random_id("fct"))
    tx.execute(
        insert(facts).values(
            id=fact,
            scope=scope,
            subject=subject,
            text=text,
            trust=int(label.trust),
            confidentiality=int(label.confidentiality),
            sources=dump(sorted(label.sources)),
            run=run,
            recorded_at=tx.now,
        )
    )
    return fact


def retire(tx: Transaction, fact: FactId) -> bool:
    """Stop believing a fact; whether it was believed."""
    believed = update(facts).where(facts.c.id == fact, facts.c.retired_at.is_(None))
    return bool(tx.changed(believed.values(retired_at=tx.now)))


def get(tx: Transaction, ids: Sequence[FactId]) -> list[Fact]:
    """The believed facts among these ids, in their order."""
    rows = tx.rows(select(facts).where(facts.c.id.in_(ids), facts.c.retired_at.is_(None)))
    found = {row.id: _fact(row) for row in rows}
    return [found[fact] for fact in ids if fact in found]


def believed(tx: Transaction, scopes: Sequence[str] | None = None) -> list[Fact]:
    """All believed facts of some scopes, or of all, oldest first."""
    query = select(facts).where(facts.c.retired_at.is_(None)).order_by(facts.c.recorded_at, facts.c.id)
    if scopes is not None:
        query = query.where(facts.c.scope.in_(scopes))
    return [_fact(row) for row in tx.rows(query)]


def _fact(row: Any) -> Fact:
    return Fact(
        id=row.id,
        scope=row.scope,
        subject=row.subject,
        text=row.text,
        label=Label(Trust(row.trust), frozenset(json.loads(row.sources)), Confidentiality(row.confidentiality)),
        run=row.run,
        recorded_at=row.recorded_at,
        retired_at=row.retired_at,
    )
