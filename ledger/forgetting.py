"""Forgetting: facts are deleted with all that was derived from them, and their words blotted out wherever they stand.

The record is append-only but for this. What is forgotten leaves a tombstone, from which nobody reads what it was.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, Text, bindparam, delete, func, insert, or_, select, update

from baton.core import FactId, InvalidValue, dump
from baton.ledger import notes, suspicion, tombstones
from baton.ledger.fact_rows import note
from baton.ledger.fact_threads import lock_threads
from baton.ledger.fact_values import Fact, fact_of
from baton.ledger.growth import REFERENCES
from baton.ledger.schema import bodies, messages, metadata, runs
from baton.ledger.schema_memory import fact_feedback, fact_links, fact_sources, facts, forgettings
from baton.ledger.schema_notes import note_documents
from baton.ledger.transaction import Transaction

BLOT = "[forgotten]"
"""What stands in the place of forgotten words."""

SHORTEST = 6
"""Characters from which words are looked for outside of the facts: fewer would stand in much that is none of theirs."""

_NEAR = 2
_IDS = {"run", "agent", "kind", "state", "status", "role", "type", "channel"}
"""Columns whose words are ours."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be forgotten: whatever is all of this. None stands for any.

    Attributes:
        tenant: Whose.
        scope: The scope, exactly.
        subject: The subject, exactly.
        source: A source that it comes from, such as `message:msg_…`.
        fact: One fact.
        everything: All that the tenant knows; nothing else is given then.
    """

    tenant: str
    scope: str | None = None
    subject: str | None = None
    source: str | None = None
    fact: FactId | None = None
    everything: bool = False

    def check(self) -> None:
        """Raise unless it says what is to be forgotten.

        Raises:
            InvalidValue: if it names nothing, or everything and something else.
        """
        given = {name: getattr(self, name) for name in ("scope", "subject", "source", "fact") if getattr(self, name)}
        if not given and not self.everything:
            raise InvalidValue("filter", "", "a scope, a subject, a source or a fact, or say that it is everything")
        if given and self.everything:
            raise InvalidValue("filter", ", ".join(given), "either everything, or what it is about")


@dataclass(frozen=True)
class Deleted:
    """What was deleted from the record.

    Attributes:
        facts: As they were.
        blotted: By table, how many rows held their words.
        short: Texts that were too short to be looked for elsewhere.
    """

    facts: tuple[Fact, ...]
    blotted: Mapping[str, int]
    short: int


def forget(tx: Transaction, wanted: Wanted) -> Deleted:
    """Delete what is wanted, with what was derived from it, and have none of it learnt again.

    Raises:
        InvalidValue: if it names nothing.
    """
    wanted.check()
    chosen = suspicion.with_derived(tx, wanted.tenant, _chosen(tx, wanted))
    known = _loaded(tx, wanted.tenant, sorted(chosen))
    alike = {id for one in known for id in tx.values(_ALIKE, tenant=wanted.tenant, text=one.text)}
    known = _loaded(tx, wanted.tenant, sorted(suspicion.with_derived(tx, wanted.tenant, chosen | alike)))
    texts = list(dict.fromkeys(text for one in known for text in (one.text, one.object or "") if text))
    tombstones.bury(tx, wanted.tenant, texts, [wanted.source] if wanted.source else [])
    _delete(tx, known)
    long = [text for text in texts if len(text) >= SHORTEST]
    blotted = _blotted(tx, wanted.tenant, long)
    if count := notes.blot(tx, wanted.tenant, long, BLOT):
        blotted["notes"] = count
    if wanted.source is not None and wanted.source.startswith("message:"):
        blotted["bodies"] = blotted.get("bodies", 0) + _blot_message(tx, wanted.tenant, wanted.source)
    return Deleted(tuple(known), blotted, len(texts) - len(long))


def keep_receipt(tx: Transaction, id: str, tenant: str, by: str, receipt: Mapping[str, Any]) -> None:
    """Note who had what forgotten, in words that do not tell it."""
    tx.execute(insert(forgettings).values(id=id, tenant=tenant, by=by, receipt=dump(dict(receipt)), at=tx.now))


def receipts(tx: Transaction, tenant: str) -> list[Mapping[str, Any]]:
    """What a tenant has had forgotten, oldest first."""
    asked = select(forgettings.c.receipt).where(forgettings.c.tenant == tenant).order_by(forgettings.c.at)
    return [json.loads(text) for text in tx.values(asked)]


def holding(tx: Transaction, texts: Iterable[str]) -> dict[str, int]:
    """Tables whose rows still hold any of these words, whoever's they are, with how many."""
    found: dict[str, int] = {}
    known = list(texts)
    for text in known:
        for table in metadata.sorted_tables:
            count = sum(
                tx.value(select(func.count()).where(_holds(c, form))) for c in _texts(table) for form in forms(text)
            )
            if count:
                found[table.name] = found.get(table.name, 0) + count
    if count := notes.holding(tx, [form.encode(errors="replace") for text in known for form in forms(text)]):
        found[note_documents.name] = count
    return found


def forms(text: str) -> list[str]:
    """A text as it may stand in the record: by itself, and within JSON, once or twice."""
    once = json.dumps(text, ensure_ascii=False)[1:-1]
    ascii_ = json.dumps(text)[1:-1]
    return list(dict.fromkeys((json.dumps(once, ensure_ascii=False)[1:-1], once, ascii_, text)))


def _chosen(tx: Transaction, wanted: Wanted) -> set[FactId]:
    asked = select(facts.c.id).where(facts.c.tenant == wanted.tenant)
    for column, value in ((facts.c.scope, wanted.scope), (facts.c.subject, wanted.subject), (facts.c.id, wanted.fact)):
        asked = asked if value is None else asked.where(column == value)
    found = {FactId(id) for id in tx.values(asked)}
    return found if wanted.source is None else found & suspicion.from_source(tx, wanted.tenant, wanted.source)


def _loaded(tx: Transaction, tenant: str, ids: Sequence[FactId]) -> list[Fact]:
    parts = [list(ids[start : start + 400]) for start in range(0, len(ids), 400)]
    return [fact_of(row) for part in parts for row in tx.rows(_BY_ID, tenant=tenant, ids=part)]


def _delete(tx: Transaction, known: Sequence[Fact]) -> None:
    lock_threads(tx, [one.id for one in known])  # else one that is added meanwhile could hold their words with its own
    near = {
        FactId(id)
        for one in known
        if one.thread is not None and one.position is not None
        for id in tx.values(
            _BESIDE, tenant=one.tenant, thread=one.thread, low=one.position - _NEAR, high=one.position + _NEAR
        )
    }
    for one in known:
        for statement in _DELETIONS:
            tx.changed(statement, fact=one.id)
    note(tx, sorted(near | {one.id for one in known}))


def _blotted(tx: Transaction, tenant: str, texts: Sequence[str]) -> dict[str, int]:
    """Blot these words out of all that runs of the tenant have left in the record."""
    counts: dict[str, int] = {}
    for text in texts:
        for form in forms(text):
            for table in metadata.sorted_tables:
                for column, condition in _columns(table, tenant):
                    blot = update(table).where(condition, _holds(column, form))
                    changed = tx.changed(blot.values({column: func.replace(column, form, BLOT)}))
                    if changed:
                        counts[table.name] = counts.get(table.name, 0) + changed
    return counts


def _blot_message(tx: Transaction, tenant: str, source: str) -> int:
    """Blot out all of a message that a run of the tenant got."""
    return tx.changed(_BLOT_MESSAGE, tenant=tenant, message=source.removeprefix("message:"))


def _columns(table: Table, tenant: str) -> list[tuple[Column[Any], Any]]:
    """The texts of a table, each with the condition that a row is a tenant's."""
    mine = select(runs.c.id).where(runs.c.tenant == tenant)
    if table is bodies:
        held = [
            select(column).where(_run_of(column.table).in_(mine))
            for column in REFERENCES
            if _run_of(column.table) is not None
        ]
        return [(bodies.c.text, or_(*(bodies.c.id.in_(query) for query in held)))]
    if table is facts or "run" not in table.c:
        return []
    plain = [column for column in _texts(table) if not column.primary_key and column.name not in _IDS]
    return [(column, table.c.run.in_(mine)) for column in plain]


def _run_of(table: Any) -> Any:
    """The column that says whose a row is; None where the table has none."""
    return runs.c.id if table is runs else table.c.get("run")


def _texts(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Text)]


def _holds(column: Column[Any], text: str) -> Any:
    """Whether a column holds a text, in just this case: LIKE would not tell A from a on SQLite."""
    return func.replace(column, text, "") != column


_BY_ID = select(facts).where(facts.c.tenant == bindparam("tenant"), facts.c.id.in_(bindparam("ids", expanding=True)))
_ALIKE = select(facts.c.id).where(facts.c.tenant == bindparam("tenant"), facts.c.text == bindparam("text"))
_BESIDE = select(facts.c.id).where(
    facts.c.tenant == bindparam("tenant"),
    facts.c.thread == bindparam("thread"),
    facts.c.position.between(bindparam("low"), bindparam("high")),
)
_BLOT_MESSAGE = (
    update(bodies)
    .where(
        bodies.c.id.in_(
            select(messages.c.body)
            .join(runs, runs.c.id == messages.c.run)
            .where(runs.c.tenant == bindparam("tenant"), messages.c.id == bindparam("message"))
        )
    )
    .values(text=BLOT)
)
_FACT = bindparam("fact", type_=Text)
_DELETIONS = (
    delete(facts).where(facts.c.id == _FACT),
    delete(fact_sources).where(fact_sources.c.fact == _FACT),
    delete(fact_links).where(or_(fact_links.c.fact == _FACT, fact_links.c.other == _FACT)),
    delete(fact_feedback).where(fact_feedback.c.fact == _FACT),
)
