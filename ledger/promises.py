"""What certificates rest on: every decision about an action of a promised class, and every label, in one order each.

An entry is one of these:

- `decided`: an action was judged; with its score, whether it ran alone, the probability of an audit and the coin.
- `labelled`: somebody said whether it was wrong. The first label of an action counts.
- `reported`: an action is said to have been wrong that nobody was to look at, or that was said to be right.
- `overlooked`: from here on, `score` is the share of errors that people are estimated to overlook.

Whoever adds one holds the certificate's name until the transaction ends, so that everybody reads the same order.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import ActionId, Assessed, Promise, dump
from baton.ledger.locks import lock_name
from baton.ledger.schema import certificate_entries as entries
from baton.ledger.schema import certificates, scorers
from baton.ledger.transaction import Transaction

Kind = Literal["decided", "labelled", "reported", "overlooked"]
Source = Literal["review", "audit", "outcome"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that a certificate takes in.

    Attributes:
        seq: Its place, from 1.
        action: What it is about; None for what is about none.
        score: See `kind`.
        alone: Whether the action ran alone.
        audit: The probability with which it is looked at afterwards.
        audited: Whether it is.
        wrong: What a label says.
        source: Where a label came from.
        by: Who gave it.
        details: Of a decision, its `signals` and `traits`.
        at: Seconds since 1970.
    """

    certificate: str
    seq: int
    kind: Kind
    action: ActionId | None
    tool: str | None
    score: float | None
    alone: bool
    audit: float | None
    audited: bool
    wrong: bool
    source: Source | None
    by: str | None
    details: Mapping[str, Any]
    at: float


@dataclass(frozen=True, kw_only=True)
class CertificateRow:
    """A certificate as it is recorded.

    Attributes:
        entries: How many it has taken in.
        folded: How many of them are in `state`.
        state: What folding those gives; None where it was never kept.
        began_at: Seconds since 1970.
    """

    id: str
    agent: str
    kind: str
    promise: Promise
    scorer: str
    basis: str
    began_at: float
    entries: int
    folded: int
    state: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class ScorerRow:
    """A fitted scorer as it is recorded.

    Attributes:
        kind: The class that it was fitted to; empty for all classes of the agent together.
    """

    id: str
    agent: str
    kind: str
    weights: Mapping[str, Any]
    at: float


def decided(tx: Transaction, agent: str, action: ActionId, tool: str, assessed: Assessed, *, alone: bool) -> None:
    """Add that an action was decided; the certificate begins with its first."""
    _hold(tx, assessed.certificate)
    if tx.row(_CERTIFICATE, certificate=assessed.certificate) is None:
        _begin(tx, agent, assessed)
    _add(
        tx,
        assessed.certificate,
        "decided",
        action=action,
        tool=tool,
        score=assessed.score,
        alone=int(alone),
        audit=assessed.audit,
        audited=int(alone and assessed.audited),
        details=dump({"signals": assessed.signals, "traits": list(assessed.traits)}),
    )


def labelled(tx: Transaction, action: ActionId, *, wrong: bool, source: Source, by: str) -> str | None:
    """Add what somebody says of an action; the certificate it is told to, None where it changes nothing.

    The first answer is the action's label, where one was to be asked for: of what a person decided, and of what a coin
    has picked. That something else was wrong, or was so after all, is only reported: that it came out may have to do
    with what it was. That it was right changes nothing then.
    """
    decision = _of_action(tx, action, "decided")
    if decision is None:
        return None
    _hold(tx, decision.certificate)
    chosen = decision.audited or not decision.alone
    label = _of_action(tx, action, "labelled")
    kind: Kind = "labelled" if chosen and label is None else "reported"
    if kind == "reported" and (not wrong or (label and label.wrong) or _of_action(tx, action, kind)):
        return None
    about = {"action": action, "tool": decision.tool, "alone": int(decision.alone)}
    said = {**about, "wrong": int(wrong), "source": source, "by": by}
    _add(tx, decision.certificate, kind, **said)
    return decision.certificate


def overlooked(tx: Transaction, certificate: str, share: float) -> None:
    """Add an estimate of the share of errors that people overlook."""
    _hold(tx, certificate)
    _add(tx, certificate, "overlooked", score=share)


def decision_of(tx: Transaction, action: ActionId) -> Entry | None:
    """What was decided about an action; None where no promise speaks of it."""
    return _of_action(tx, action, "decided")


def since(tx: Transaction, certificate: str, seq: int, limit: int = 2**31 - 1) -> list[Entry]:
    """The entries behind the one with this number, in order."""
    return [_entry(row) for row in tx.rows(_SINCE, certificate=certificate, seq=seq, most=limit)]


def get(tx: Transaction, certificate: str) -> CertificateRow | None:
    """A certificate with its kept state; None where nothing was decided by it yet."""
    row = tx.row(_WHOLE, certificate=certificate)
    return None if row is None else _certificate(row)


def head(tx: Transaction, certificate: str) -> CertificateRow | None:
    """A certificate without its state; None where nothing was decided by it yet."""
    row = tx.row(_HEAD, certificate=certificate)
    return None if row is None else _certificate(row)


def listed(tx: Transaction) -> list[CertificateRow]:
    """All certificates without their states, the newest first."""
    return [_certificate(row) for row in tx.rows(_LISTED)]


def used(tx: Transaction) -> dict[str, float]:
    """When each certificate took its last entry in, in seconds since 1970."""
    return {row.id: row.at for row in tx.rows(_USED)}


def decided_at(tx: Transaction, certificate: str, number: int) -> float | None:
    """When its how-manieth action was decided, from 1, in seconds since 1970; None where there are fewer."""
    at: float | None = tx.value(_DECIDED_AT, certificate=certificate, before=number - 1)
    return at


def keep(tx: Transaction, certificate: str, folded: int, state: Mapping[str, Any]) -> None:
    """Keep what folding the first `folded` entries gives, unless a later state is there."""
    tx.changed(_KEEP, certificate=certificate, upto=folded, kept=dump(dict(state)))


def counted(tx: Transaction, certificate: str, kind: Kind) -> int:
    """How many entries of a kind a certificate has."""
    count: int = tx.value(_COUNT, certificate=certificate, kind=kind)
    return count


def record_scorer(tx: Transaction, id: str, agent: str, kind: str, weights: Mapping[str, Any]) -> None:
    """Record a fitted scorer; from now on it scores the class."""
    if tx.value(select(scorers.c.id).where(scorers.c.id == id)) is None:
        tx.execute(
            insert(scorers).values(
                {"id": id, "agent": agent, "class": kind, "weights": dump(dict(weights)), "at": tx.now}
            )
        )


def of_agent(tx: Transaction, agent: str) -> list[CertificateRow]:
    """An agent's certificates without their states, the newest first."""
    return [row for row in listed(tx) if row.agent == agent]


def scorers_of(tx: Transaction, agent: str) -> list[ScorerRow]:
    """The scorers of an agent's classes, the oldest first."""
    return [
        ScorerRow(id=row.id, agent=row.agent, kind=row.kind, weights=json.loads(row.weights), at=row.at)
        for row in tx.rows(_SCORERS, agent=agent)
    ]


def _begin(tx: Transaction, agent: str, assessed: Assessed) -> None:
    promise = assessed.promise
    row = {
        "id": assessed.certificate,
        "agent": agent,
        "class": assessed.kind,
        "scorer": assessed.scorer,
        "basis": assessed.basis,
    }
    terms = {"most_wrong": promise.most_wrong, "certainty": promise.certainty}
    tx.execute(insert(certificates).values({**row, **terms, "began_at": tx.now, "entries": 0, "folded": 0}))


def _hold(tx: Transaction, certificate: str) -> None:
    lock_name(tx, f"certificate {certificate}")


def _add(tx: Transaction, certificate: str, kind: Kind, **fields: Any) -> None:
    seq = tx.value(_NEXT, certificate=certificate)
    tx.execute(insert(entries).values(certificate=certificate, seq=seq, kind=kind, at=tx.now, **fields))


def _of_action(tx: Transaction, action: ActionId, kind: Kind) -> Entry | None:
    row = tx.row(_OF_ACTION, action=action, kind=kind)
    return None if row is None else _entry(row)


_CERTIFICATE = select(certificates.c.id).where(certificates.c.id == bindparam("certificate"))
_COLUMNS = (certificates.c["class"].label("kind"), *(column for column in certificates.c if column.name != "class"))
_WHOLE = select(*_COLUMNS).where(certificates.c.id == bindparam("certificate"))
_STATELESS = select(*(column for column in _COLUMNS if column.name != "state"))
_HEAD = _STATELESS.where(certificates.c.id == bindparam("certificate"))
_LISTED = _STATELESS.order_by(certificates.c.began_at.desc(), certificates.c.id)
_NEXT = (
    update(certificates)
    .where(certificates.c.id == bindparam("certificate"))
    .values(entries=certificates.c.entries + 1)
    .returning(certificates.c.entries)
)
_KEEP = (
    update(certificates)
    .where(certificates.c.id == bindparam("certificate"), certificates.c.folded < bindparam("upto"))
    .values(folded=bindparam("upto"), state=bindparam("kept"))
)
_OF_ACTION = select(entries).where(entries.c.action == bindparam("action"), entries.c.kind == bindparam("kind"))
_SINCE = (
    select(entries)
    .where(entries.c.certificate == bindparam("certificate"), entries.c.seq > bindparam("seq"))
    .order_by(entries.c.seq)
    .limit(bindparam("most"))
)
_COUNT = select(func.count()).where(
    entries.c.certificate == bindparam("certificate"), entries.c.kind == bindparam("kind")
)
_USED = select(certificates.c.id, entries.c.at).join_from(
    certificates, entries, (entries.c.certificate == certificates.c.id) & (entries.c.seq == certificates.c.entries)
)
_DECIDED_AT = (
    select(entries.c.at)
    .where(entries.c.certificate == bindparam("certificate"), entries.c.kind == "decided")
    .order_by(entries.c.seq)
    .offset(bindparam("before"))
    .limit(1)
)
_SCORERS = (
    select(scorers.c.id, scorers.c.agent, scorers.c["class"].label("kind"), scorers.c.weights, scorers.c.at)
    .where(scorers.c.agent == bindparam("agent"))
    .order_by(scorers.c.at, scorers.c.id)
)


def _entry(row: Any) -> Entry:
    fields: dict[str, Any] = row._asdict()
    fields |= {name: bool(fields[name]) for name in ("alone", "audited", "wrong")}
    fields["details"] = json.loads(row.details) if row.details else {}
    return Entry(**fields)


def _certificate(row: Any) -> CertificateRow:
    fields = row._asdict()
    promise = Promise(most_wrong=fields.pop("most_wrong"), certainty=fields.pop("certainty"))
    state = fields.pop("state", None)
    return CertificateRow(promise=promise, state=json.loads(state) if state else None, **fields)
