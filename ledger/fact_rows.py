"""How facts are put into rows, and whoever finds them is told."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import FactId, dump, random_id
from baton.ledger import fact_words
from baton.ledger.fact_threads import lock_thread
from baton.ledger.fact_values import Claim, Passage
from baton.ledger.schema_memory import fact_changes, fact_sources, facts
from baton.ledger.transaction import Transaction


def add(tx: Transaction, claim: Claim, *, quarantined_at: float | None = None) -> FactId:
    """Put a fact into rows as it is claimed; whoever calls has made sure that it may be."""
    fact = FactId(random_id("fct"))
    sources = claim.label.sources | {passage.source for passage in claim.passages}
    tx.execute(
        _ADD,
        {
            "id": fact,
            "tenant": claim.tenant,
            "scope": claim.scope,
            "kind": claim.kind.value,
            "subject": claim.subject,
            "predicate": claim.predicate,
            "object": claim.object,
            "text": claim.text,
            "thread": claim.thread,
            "position": None if claim.thread is None else _next_position(tx, claim.tenant, claim.thread),
            "trust": int(claim.label.trust),
            "confidentiality": int(claim.label.confidentiality),
            "sources": dump(sorted(sources)),
            "run": claim.run,
            "importance": claim.importance,
            "uses": 0,
            "wrongs": 0,
            "valid_from": claim.valid_from,
            "valid_to": claim.valid_to,
            "recorded_at": tx.now,
            "expires_at": claim.expires_at,
            "ttl": claim.ttl,
            "quarantined_at": quarantined_at,
        },
    )
    passages = {passage.source: passage for passage in claim.passages}
    rows = [passages.get(source, Passage(source)) for source in sorted(sources)]
    tx.execute(_REST, [{"source": r.source, "fact": fact, "begins": r.begins, "ends": r.ends} for r in rows])
    note(tx, [fact])
    return fact


def note(tx: Transaction, changed: Sequence[FactId]) -> None:
    """Tell the indexes that facts came, went or changed."""
    tx.execute(_NOTE, [{"fact": fact} for fact in changed])
    fact_words.refresh(tx, changed)


def passages(tx: Transaction, fact: FactId) -> tuple[Passage, ...]:
    """What a fact rests on."""
    return tuple(Passage(row.source, row.begins, row.ends) for row in tx.rows(_SPANS, fact=fact))


def close(tx: Transaction, fact: FactId) -> bool:
    """Stop believing a fact; whether it was believed."""
    was = bool(tx.changed(_CLOSE, fact=fact, now=tx.now))
    if was:
        note(tx, [fact])
    return was


def _next_position(tx: Transaction, tenant: str, thread: str) -> int:
    lock_thread(tx, tenant, thread)
    last: int | None = tx.value(_LAST_POSITION, tenant=tenant, thread=thread)
    return (last or 0) + 1


_COLUMNS = [column.name for column in facts.c if column.name != "retired_at"]
_ADD = insert(facts).values({name: bindparam(name) for name in _COLUMNS})
_REST = insert(fact_sources).values({c.name: bindparam(c.name) for c in fact_sources.c})
_NOTE = insert(fact_changes).values(fact=bindparam("fact"))
_SPANS = select(fact_sources).where(fact_sources.c.fact == bindparam("fact")).order_by(fact_sources.c.source)
_CLOSE = (
    update(facts)
    .where(facts.c.id == bindparam("fact"), facts.c.retired_at.is_(None))
    .values(retired_at=bindparam("now"))
)
_LAST_POSITION = select(func.max(facts.c.position)).where(
    facts.c.tenant == bindparam("tenant"), facts.c.thread == bindparam("thread")
)
