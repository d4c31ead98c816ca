"""What a fact is, and what is to become one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from baton.core import LOCAL_TENANT, Confidentiality, FactId, InvalidValue, Label, RunId, Trust


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
