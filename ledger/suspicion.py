"""What rests on what: setting facts apart as suspect, taking back what came from a source, and all that was derived."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Text, bindparam, select, update

from baton.core import FactId
from baton.ledger.fact_rows import close, note
from baton.ledger.fact_values import fact_source
from baton.ledger.schema_memory import fact_links, fact_sources, facts
from baton.ledger.transaction import Transaction


def from_source(tx: Transaction, tenant: str, source: str) -> set[FactId]:
    """A tenant's facts that name a source as one of theirs."""
    noted = tx.values(_FROM, tenant=tenant, source=source)
    older = tx.values(_OLDER, tenant=tenant, like=f'%"{_escaped(source)}"%')  # from before sources had rows
    return {FactId(id) for id in (*noted, *older)}


def with_derived(tx: Transaction, tenant: str, found: Iterable[FactId]) -> set[FactId]:
    """These facts, what goes on with their words for another time, and all that was derived from any of them."""
    reached: set[FactId] = set()
    new = set(found)
    while new:
        reached |= new
        ids = sorted(new)
        after: set[FactId] = set()
        for start in range(0, len(ids), 400):
            part = ids[start : start + 400]
            after |= {FactId(id) for id in tx.values(_RESTING, tenant=tenant, sources=[fact_source(id) for id in part])}
            after |= {FactId(id) for id in tx.values(_CONTINUED, tenant=tenant, ids=part)}
            after |= {FactId(id) for id in tx.values(_CONTINUING, tenant=tenant, ids=part)}
        new = after - reached
    return reached


def quarantine(tx: Transaction, tenant: str, found: Iterable[FactId]) -> list[FactId]:
    """Set facts apart as suspect, with all that was derived from them: they are kept, and told to nobody.

    Returns:
        Those that were not before.
    """
    return _marked(tx, with_derived(tx, tenant, found), tenant, _QUARANTINE)


def release(tx: Transaction, tenant: str, found: Iterable[FactId]) -> list[FactId]:
    """Believe again what was set apart, these facts alone; those that were."""
    return _marked(tx, found, tenant, _RELEASE)


def revoke(tx: Transaction, tenant: str, source: str) -> list[FactId]:
    """Stop believing whatever came from a source, with all that was derived from it; those that were believed."""
    found = with_derived(tx, tenant, from_source(tx, tenant, source))
    return [fact for fact in sorted(found) if close(tx, fact)]


def _marked(tx: Transaction, found: Iterable[FactId], tenant: str, statement: Any) -> list[FactId]:
    changed = [fact for fact in sorted(set(found)) if tx.changed(statement, fact=fact, owner=tenant, now=tx.now)]
    note(tx, changed)
    return changed


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_MINE = facts.c.tenant == bindparam("tenant")
_FROM = (
    select(facts.c.id)
    .join(fact_sources, fact_sources.c.fact == facts.c.id)
    .where(_MINE, fact_sources.c.source == bindparam("source"))
)
_OLDER = select(facts.c.id).where(_MINE, facts.c.sources.like(bindparam("like"), escape="\\"))
_RESTING = (
    select(facts.c.id)
    .join(fact_sources, fact_sources.c.fact == facts.c.id)
    .where(_MINE, fact_sources.c.source.in_(bindparam("sources", expanding=True)))
)
_IDS = bindparam("ids", type_=Text, expanding=True)
_CONTINUED = (
    select(facts.c.id)
    .join(fact_links, fact_links.c.other == facts.c.id)
    .where(_MINE, fact_links.c.kind == "continues", fact_links.c.fact.in_(_IDS))
)
_CONTINUING = (
    select(facts.c.id)
    .join(fact_links, fact_links.c.fact == facts.c.id)
    .where(_MINE, fact_links.c.kind == "continues", fact_links.c.other.in_(_IDS))
)
_OWN = (facts.c.id == bindparam("fact"), facts.c.tenant == bindparam("owner"))
_QUARANTINE = update(facts).where(*_OWN, facts.c.quarantined_at.is_(None)).values(quarantined_at=bindparam("now"))
_RELEASE = update(facts).where(*_OWN, facts.c.quarantined_at.is_not(None)).values(quarantined_at=None)
