"""Facts: what is believed, since when it is true, who said it, how far it is trusted. Never changed in place.

A fact has two times. Its validity says when it is true in the world; `recorded_at` and `retired_at` say when it was
believed here. What changes is retired, and followed by another fact. Every read names a tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import bindparam, func, or_, select

from baton.core import Ambiguous, Conflict, FactId, Forbidden, InvalidValue, NotFound, Trust, format_time
from baton.ledger import superseding, tombstones
from baton.ledger.fact_rows import add, close
from baton.ledger.fact_values import Claim, Fact, Kind, check_text, fact_of
from baton.ledger.schema_memory import facts
from baton.ledger.transaction import Transaction

_FOREVER = 1e300
How = Literal["retired", "superseded", "ended", "expired", "quarantined"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A fact that no longer stands as it did.

    Attributes:
        how: retired is no longer believed; superseded has others in its place; ended is no longer true in the world;
            expired is no longer told; quarantined is set apart as suspect.
        at: Since when, in seconds since 1970.
        by: The facts that took its place.
    """

    fact: Fact
    how: How
    at: float
    by: tuple[Fact, ...] = ()


def record(tx: Transaction, claim: Claim) -> FactId:
    """Keep a fact; the same words about the same are kept again only if more trusted, or more confidential.

    A fact that rests on others is trusted no more than they are. One with a predicate supersedes what it may.

    Raises:
        InvalidValue: if its times or its importance cannot be.
        Forbidden: if it is a procedure that no person vouches for.
        Forgotten: if it, or what it comes from, was to be forgotten.
        NotFound: if it rests on a fact that is not there.
    """
    claim = _checked(tx, claim)
    known = None if claim.kind is Kind.EPISODIC else tx.value(_KNOWN, **_likeness(claim))
    if known is not None:
        return FactId(known)
    if claim.predicate is None or claim.kind is Kind.EPISODIC:
        return add(tx, claim)
    return superseding.settle(tx, claim)


def check(tx: Transaction, claim: Claim) -> None:
    """Raise what `record` would."""
    _checked(tx, claim)


def supersede(tx: Transaction, old: FactId, claim: Claim) -> FactId:
    """Put a fact in the place of another; what was true before it begins is kept as such.

    Raises:
        NotFound: if the tenant has no such fact.
        Conflict: if it is no longer believed.
        Forbidden: if it is trusted more than what is claimed, or is something that happened.
    """
    known = one(tx, claim.tenant, old)
    if known.retired_at is not None:
        raise Conflict(old, f"it is no longer believed since {format_time(known.retired_at)}")
    if known.kind is Kind.EPISODIC:
        raise Forbidden("a fact", f"supersede {old}", "that is something that happened")
    claim = _checked(tx, claim)
    if claim.label.trust < known.label.trust:
        mine, its = _trust(claim.label.trust), _trust(known.label.trust)
        raise Forbidden(f"a fact of {mine} trust", f"supersede {old}", f"that has {its} trust")
    superseding.cut(tx, known, claim.valid_from, claim.valid_to)
    fact = add(tx, claim) if claim.predicate is None else superseding.settle(tx, claim)
    superseding.link(tx, fact, old, "supersedes")
    return fact


def retire(tx: Transaction, tenant: str, fact: FactId) -> bool:
    """Stop believing a fact of a tenant; whether it was believed."""
    return bool(get(tx, tenant, [fact])) and close(tx, fact)


def one(tx: Transaction, tenant: str, fact: FactId) -> Fact:
    """A tenant's fact, believed or not.

    Raises:
        NotFound: if there is none.
    """
    row = tx.row(_ONE, tenant=tenant, fact=fact)
    if row is None:
        raise NotFound("fact", fact)
    return fact_of(row)


def find(tx: Transaction, tenant: str, prefix: str) -> FactId:
    """The tenant's fact whose id begins so, believed or not.

    Raises:
        NotFound, Ambiguous: if none or several do.
    """
    wanted = prefix if prefix.startswith("fct_") else f"fct_{prefix}"
    mine = select(facts.c.id).where(facts.c.tenant == tenant)
    found = tx.values(mine.where(facts.c.id.startswith(wanted, autoescape=True)).order_by(facts.c.id).limit(5))
    if len(found) > 1 and wanted not in found:
        raise Ambiguous("fact", prefix, found)
    if not found:
        raise NotFound("fact", prefix, hint="`baton memory list` shows what is believed.")
    return FactId(wanted if wanted in found else found[0])


def get(tx: Transaction, tenant: str, ids: Sequence[FactId]) -> list[Fact]:
    """The believed facts of a tenant among these ids, in their order."""
    rows = tx.rows(_BELIEVED_OF, tenant=tenant, ids=list(ids), now=tx.now) if ids else []
    found = {row.id: fact_of(row) for row in rows}
    return [found[fact] for fact in ids if fact in found]


def believed(tx: Transaction, tenant: str, scopes: Sequence[str] | None = None) -> list[Fact]:
    """All that a tenant believes in some scopes, or in all, oldest first; what is quarantined or expired is not."""
    if scopes is None:
        return [fact_of(row) for row in tx.rows(_BELIEVED, tenant=tenant, now=tx.now)]
    rows = tx.rows(_BELIEVED_IN, tenant=tenant, now=tx.now, scopes=list(scopes)) if scopes else []
    return [fact_of(row) for row in rows]


def as_of(tx: Transaction, tenant: str, scopes: Sequence[str], valid: float, known: float) -> list[Fact]:
    """What was believed at the time `known` to be true at the time `valid`, in seconds since 1970; oldest first."""
    rows = tx.rows(_AS_OF, tenant=tenant, scopes=list(scopes), valid=valid, known=known) if scopes else []
    return [fact_of(row) for row in rows]


def changed_since(tx: Transaction, tenant: str, scopes: Sequence[str], since: float) -> list[Change]:
    """What was recorded by `since`, in seconds since 1970, and has stopped standing after it; oldest change first."""
    rows = tx.rows(_CHANGED, tenant=tenant, scopes=list(scopes), since=since, now=tx.now) if scopes else []
    found = [fact_of(row) for row in rows]
    heirs = _heirs(tx, [fact.id for fact in found])
    return sorted((_change(fact, since, tx.now, heirs.get(fact.id, ())) for fact in found), key=lambda c: c.at)


def conflicts(tx: Transaction, tenant: str, ids: Sequence[FactId]) -> dict[FactId, list[FactId]]:
    """For each of these facts that contradicts others which are believed as well, the others."""
    pairs = [(a, b) for a, b, kind in superseding.links(tx, ids) if kind == "conflicts"]
    standing = {fact.id for fact in get(tx, tenant, sorted({fact for pair in pairs for fact in pair}))}
    found: dict[FactId, list[FactId]] = {}
    for pair in pairs:
        if standing.issuperset(pair):
            for fact, other in (pair, pair[::-1]):
                found.setdefault(fact, []).append(other)
    return {fact: sorted(found[fact]) for fact in ids if fact in found}


def _checked(tx: Transaction, claim: Claim) -> Claim:
    """The claim, trusted no more than the facts that it rests on."""
    for what in ("scope", "subject", "text", "predicate", "object", "thread"):
        check_text(what, getattr(claim, what) or "")
    if not 0 <= claim.importance <= 1:
        raise InvalidValue("importance", claim.importance, "a number from 0 to 1")
    if claim.valid_from is not None and claim.valid_to is not None and claim.valid_from >= claim.valid_to:
        raise InvalidValue("valid_to", claim.valid_to, f"a time after valid_from, {claim.valid_from}")
    sources = claim.label.sources | {passage.source for passage in claim.passages}
    rests = [FactId(s.removeprefix("fact:")) for s in sorted(sources) if s.startswith("fact:")]
    labels = [one(tx, claim.tenant, fact).label for fact in rests]
    label = claim.label
    for other in labels:
        label = replace(label & other, sources=label.sources)
    if claim.kind is Kind.PROCEDURAL and label.trust < Trust.USER:
        who = f"a text of {_trust(label.trust)} trust"
        raise Forbidden(who, "become a procedure", "a person has to approve it first")
    tombstones.check(tx, claim.tenant, claim.scope, claim.subject, [claim.text, claim.object or ""], sources)
    return replace(claim, label=label)


def _likeness(claim: Claim) -> Mapping[str, Any]:
    return {
        **{name: getattr(claim, name) for name in ("tenant", "scope", "kind", "subject", "text")},
        "predicate": claim.predicate or "",
        "object": claim.object or "",
        "trust": int(claim.label.trust),
        "confidentiality": int(claim.label.confidentiality),
        "begins": -_FOREVER if claim.valid_from is None else claim.valid_from,
        "ends": _FOREVER if claim.valid_to is None else claim.valid_to,
    }


def _heirs(tx: Transaction, ids: Sequence[FactId]) -> dict[FactId, tuple[Fact, ...]]:
    """For each of these facts, those that took its place."""
    mine = set(ids)
    pairs = [(a, b) for a, b, kind in superseding.links(tx, ids) if kind == "supersedes" and b in mine]
    rows = tx.rows(_BY_ID, ids=sorted({a for a, _ in pairs})) if pairs else []
    known = {FactId(row.id): fact_of(row) for row in rows}
    return {b: tuple(known[a] for a, other in pairs if other == b and a in known) for _, b in pairs}


def _change(fact: Fact, since: float, now: float, heirs: tuple[Fact, ...]) -> Change:
    """The first thing that ended a fact's standing after `since`."""
    gone: How = "superseded" if heirs else "retired"
    ends: list[tuple[float | None, How]] = [
        (fact.retired_at, gone),
        (fact.quarantined_at, "quarantined"),
        (fact.valid_to, "ended"),
        (fact.expires_at, "expired"),
    ]
    passed: list[tuple[float, How]] = [(at, how) for at, how in ends if at is not None and since < at <= now]
    at, how = min(passed)
    return Change(fact=fact, how=how, at=at, by=heirs)


def _trust(trust: Trust) -> str:
    return trust.name.lower().replace("_", " ")


def _believing(*more: Any) -> Any:
    """A SELECT of what a tenant believes now, oldest first."""
    return (
        select(facts)
        .where(
            facts.c.tenant == bindparam("tenant"),
            facts.c.retired_at.is_(None),
            facts.c.quarantined_at.is_(None),
            or_(facts.c.expires_at.is_(None), facts.c.expires_at > bindparam("now")),
            *more,
        )
        .order_by(facts.c.recorded_at, facts.c.id)
    )


_IN_SCOPES = facts.c.scope.in_(bindparam("scopes", expanding=True))
_IDS = facts.c.id.in_(bindparam("ids", expanding=True))
_BY_ID = select(facts).where(_IDS)
_ONE = select(facts).where(facts.c.id == bindparam("fact"), facts.c.tenant == bindparam("tenant"))
_BELIEVED, _BELIEVED_IN, _BELIEVED_OF = _believing(), _believing(_IN_SCOPES), _believing(_IDS)
_KNOWN = (
    select(facts.c.id)
    .where(
        *(facts.c[name] == bindparam(name) for name in ("tenant", "scope", "kind", "subject", "text")),
        func.coalesce(facts.c.predicate, "") == bindparam("predicate"),
        func.coalesce(facts.c.object, "") == bindparam("object"),
        facts.c.trust >= bindparam("trust"),
        facts.c.confidentiality >= bindparam("confidentiality"),
        func.coalesce(facts.c.valid_from, -_FOREVER) <= bindparam("begins"),
        func.coalesce(facts.c.valid_to, _FOREVER) >= bindparam("ends"),
        facts.c.retired_at.is_(None),
        facts.c.expires_at.is_(None),
    )
    .limit(1)
)
_AS_OF = (
    select(facts)
    .where(
        facts.c.tenant == bindparam("tenant"),
        _IN_SCOPES,
        facts.c.recorded_at <= bindparam("known"),
        or_(facts.c.retired_at.is_(None), facts.c.retired_at > bindparam("known")),
        or_(facts.c.quarantined_at.is_(None), facts.c.quarantined_at > bindparam("known")),
        or_(facts.c.expires_at.is_(None), facts.c.expires_at > bindparam("known")),
        or_(facts.c.valid_from.is_(None), facts.c.valid_from <= bindparam("valid")),
        or_(facts.c.valid_to.is_(None), facts.c.valid_to > bindparam("valid")),
    )
    .order_by(facts.c.recorded_at, facts.c.id)
)
_CHANGED = select(facts).where(
    facts.c.tenant == bindparam("tenant"),
    _IN_SCOPES,
    facts.c.recorded_at <= bindparam("since"),
    or_(facts.c.retired_at.is_(None), facts.c.retired_at > bindparam("since")),
    or_(
        *(
            (column > bindparam("since")) & (column <= bindparam("now"))
            for column in (facts.c.retired_at, facts.c.valid_to, facts.c.expires_at, facts.c.quarantined_at)
        )
    ),
)
