"""What a fact is, what is to become one, and how it is put into rows."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import LOCAL_TENANT, Confidentiality, FactId, InvalidValue, Label, RunId, Trust, dump, random_id
from baton.ledger.locks import lock_name
from baton.ledger.schema_memory import fact_changes, fact_sources, facts
from baton.ledger.transaction import Transaction


class Kind(StrEnum):
    """What sort of thing is known."""

    EPISODIC = "episodic"
    """Something that happened: stands beside others in a thread, and is never superseded."""
    SEMANTIC = "semantic"
    """Something that is so."""
    PROCEDURAL = "procedural"
    """How something is to be done: only on a person's word."""


@dataclass(frozen=True)
class Passage:
    """A place that a fact rests on.

    Attributes:
        source: Such as `message:msg_…`, `action:…`, `review:…` or `fact:fct_…`.
        begins: The first character of it; None where the fact rests on all of it.
        ends: The character behind the last.
    """

    source: str
    begins: int | None = None
    ends: int | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is to be kept as a fact. Times are seconds since 1970.

    Attributes:
        scope: Who shares it.
        subject: What it is about; for an episode, who did or said it.
        label: Its trust, confidentiality and sources.
        tenant: Whose it is.
        predicate: What is said of the subject, such as `address`; None where only the text says it.
        object: The value that is said, such as `12 Main Street`; None where only the text says it.
        valid_from: Since when it is true: the time of the event, not of being told; None if nobody knows.
        valid_to: Until when; None while there is no end in sight.
        importance: From 0 to 1.
        passages: Places within its sources that it rests on; added to the label's sources.
        thread: What an episode stands in, beside those that were recorded before and after it.
        run: The run that records it.
        expires_at: When it is no longer told, whatever is true then; None is never.
        ttl: Seconds by which being read puts that off; None where it does not.
    """

    scope: str
    subject: str
    text: str
    label: Label
    tenant: str = LOCAL_TENANT
    kind: Kind = Kind.SEMANTIC
    predicate: str | None = None
    object: str | None = None
    valid_from: float | None = None
    valid_to: float | None = None
    importance: float = 0.5
    passages: tuple[Passage, ...] = ()
    thread: str | None = None
    run: RunId | None = None
    expires_at: float | None = None
    ttl: float | None = None


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something believed. Times are seconds since 1970; see `Claim` for what is not said here.

    Attributes:
        position: Its place in its thread, from 1; None if it stands in none.
        uses: How often it was said to have helped.
        wrongs: How often it was said to be wrong.
        recorded_at: When it came to be believed.
        retired_at: When it stopped being believed; None while it is.
        quarantined_at: When it was set apart as suspect; None while it is not.
    """

    id: FactId
    tenant: str
    scope: str
    kind: Kind
    subject: str
    predicate: str | None
    object: str | None
    text: str
    label: Label
    run: RunId | None
    thread: str | None
    position: int | None
    importance: float
    uses: int
    wrongs: int
    valid_from: float | None
    valid_to: float | None
    recorded_at: float
    retired_at: float | None
    expires_at: float | None
    ttl: float | None
    quarantined_at: float | None

    def valid_at(self, at: float) -> bool:
        """Whether it is true in the world at a time; one that began nobody knows when is, until it ends."""
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_to is None or at < self.valid_to)


def check_text(what: str, text: str) -> None:
    """Raise unless both databases can hold a text.

    Raises:
        InvalidValue: if it holds NUL or half a surrogate pair.
    """
    if "\0" in text:
        raise InvalidValue(what, "\0", "text without NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(what, text[error.start : error.end], "text that UTF-8 can hold") from error


def fact_source(fact: FactId) -> str:
    """A fact as the source of another."""
    return f"fact:{fact}"


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


def note(tx: Transaction, changed: Iterable[FactId]) -> None:
    """Tell the indexes that facts came, went or changed."""
    tx.execute(_NOTE, [{"fact": fact} for fact in changed])


def passages(tx: Transaction, fact: FactId) -> tuple[Passage, ...]:
    """What a fact rests on."""
    return tuple(Passage(row.source, row.begins, row.ends) for row in tx.rows(_SPANS, fact=fact))


def close(tx: Transaction, fact: FactId) -> bool:
    """Stop believing a fact; whether it was believed."""
    was = bool(tx.changed(_CLOSE, fact=fact, now=tx.now))
    if was:
        note(tx, [fact])
    return was


def fact_of(row: Any) -> Fact:
    """The fact that a row of `facts` holds."""
    return Fact(
        id=FactId(row.id),
        tenant=row.tenant,
        scope=row.scope,
        kind=Kind(row.kind),
        subject=row.subject,
        predicate=row.predicate,
        object=row.object,
        text=row.text,
        label=Label(Trust(row.trust), frozenset(json.loads(row.sources)), Confidentiality(row.confidentiality)),
        run=row.run,
        thread=row.thread,
        position=row.position,
        importance=row.importance,
        uses=row.uses,
        wrongs=row.wrongs,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        recorded_at=row.recorded_at,
        retired_at=row.retired_at,
        expires_at=row.expires_at,
        ttl=row.ttl,
        quarantined_at=row.quarantined_at,
    )


def claim_of(fact: Fact, rests: Sequence[Passage]) -> Claim:
    """What would have to be claimed to have this fact again."""
    names = ("scope", "subject", "text", "label", "tenant", "kind", "predicate", "object", "valid_from", "valid_to")
    more = ("importance", "run", "expires_at", "ttl")
    return Claim(passages=tuple(rests), **{name: getattr(fact, name) for name in (*names, *more)})


def _next_position(tx: Transaction, tenant: str, thread: str) -> int:
    lock_name(tx, f"thread {tenant} {thread}")
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
