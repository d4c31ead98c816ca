"""Shared records: small JSON values by name, in versions; every version stays readable.

Whoever writes says which version they have read. If it is not the newest any more, what becomes of it is the record's
rule: `merge` puts the fields together that only one side has changed, `last` writes over and says what was written
over, and anything else is a conflict, which is told.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import bindparam, func, insert, select

from baton.core import ActionId, Confidentiality, Conflict, InvalidValue, Label, Trust, derived, dump, format_time
from baton.ledger.locks import lock_name
from baton.ledger.schema_sharing import records
from baton.ledger.transaction import Transaction

_MISSING: Any = object()


@dataclass(frozen=True, kw_only=True)
class Record:
    """One version of a record.

    Attributes:
        label: Of its value: untrusted stays untrusted.
        over: The version that it was written over without having been read; None for none.
        action: The call that wrote it; None where a person did.
    """

    name: str
    version: int
    value: Any
    by: str
    at: float
    label: Label
    over: int | None
    action: ActionId | None


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants a record to say. `read` is the version that they have read, 0 where there was none."""

    name: str
    value: Any
    read: int
    by: str
    label: Label
    action: ActionId | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of a write.

    Attributes:
        value: What the record says now.
        how: `put`, `merged` with what another has written, or `over` that.
        over: The version that was written over; None for none.
        other: Who wrote what was merged with or written over.
    """

    version: int
    value: Any
    label: Label
    how: str = "put"
    over: int | None = None
    other: str | None = None


def put(tx: Transaction, tenant: str, wish: Wish, *, on_conflict: str = "refuse") -> Written | Conflict:
    """Write a record; the same action writes once.

    Args:
        tx: The transaction.
        tenant: Whose it is.
        wish: What it is to say.
        on_conflict: `refuse`, `merge`, `last` or `ask`, which is a conflict here: whoever calls asks.

    Returns:
        What was written, or the conflict, with which nothing was.

    Raises:
        InvalidValue: if its name cannot be one, or it has no such version.
    """
    if not wish.name.strip() or len(wish.name) > 200 or not wish.name.isprintable():
        raise InvalidValue("name of a record", wish.name[:200], "1 to 200 characters on one line")
    lock_name(tx, f"record {tenant} {wish.name}")
    if wish.action is not None and (row := tx.row(_BY_ACTION, action=wish.action)) is not None:
        return _again(tx, tenant, _record(row), wish)
    newest = get(tx, tenant, wish.name)
    now = newest.version if newest is not None else 0
    if not 0 <= wish.read <= now:
        raise InvalidValue(f"version of record {wish.name}", wish.read, f"one that was read, from 0 to {now}")
    if newest is None or wish.read == now:
        return _store(tx, tenant, wish, now + 1, Written(version=now + 1, value=wish.value, label=wish.label))
    return _reconciled(tx, tenant, wish, newest, on_conflict)


def _reconciled(tx: Transaction, tenant: str, wish: Wish, newest: Record, rule: str) -> Written | Conflict:
    version = newest.version + 1
    if rule == "last":
        made = Written(
            version=version, value=wish.value, label=wish.label, how="over", over=newest.version, other=newest.by
        )
        return _store(tx, tenant, wish, version, made)
    base = get(tx, tenant, wish.name, wish.read) if wish.read else None
    merged = three_way(base.value if base else {}, newest.value, wish.value) if rule == "merge" else None
    if merged is None or merged.clashes:
        return _conflict(wish, newest, merged.clashes if merged is not None else ())
    label = derived((wish.label, newest.label))
    made = Written(version=version, value=merged.value, label=label, how="merged", other=newest.by)
    return _store(tx, tenant, replace(wish, value=merged.value, label=label), version, made)


def _conflict(wish: Wish, newest: Record, clashes: tuple[str, ...]) -> Conflict:
    where = f" in {', '.join(clashes)}" if clashes else ""
    said = (
        f"{newest.by} has written version {newest.version} at {format_time(newest.at)}{where}, you have read version "
        f"{wish.read}; it says {dump(newest.value)[:2000]}, you want {dump(wish.value)[:2000]}"
    )
    return Conflict(f"record {wish.name}", said)


def _again(tx: Transaction, tenant: str, known: Record, wish: Wish) -> Written:
    """What the same action has written already, in a step that is taken again."""
    if known.over is not None:
        other = get(tx, tenant, known.name, known.over)
        by = other.by if other else None
        return Written(
            version=known.version, value=known.value, label=known.label, how="over", over=known.over, other=by
        )
    if dump(known.value) != dump(wish.value):
        other = get(tx, tenant, known.name, known.version - 1)
        by = other.by if other else None
        return Written(version=known.version, value=known.value, label=known.label, how="merged", other=by)
    return Written(version=known.version, value=known.value, label=known.label)


def get(tx: Transaction, tenant: str, name: str, version: int | None = None) -> Record | None:
    """A version of a record, None is the newest; None if there is none."""
    row = (
        tx.row(_NEWEST, tenant=tenant, name=name)
        if version is None
        else tx.row(_ONE, tenant=tenant, name=name, version=version)
    )
    return None if row is None else _record(row)


def history(tx: Transaction, tenant: str, name: str) -> list[Record]:
    """All versions of a record, oldest first."""
    return [_record(row) for row in tx.rows(_HISTORY, tenant=tenant, name=name)]


def listed(tx: Transaction, tenant: str) -> list[Record]:
    """What all records say now, by name."""
    return [_record(row) for row in tx.rows(_LISTED, tenant=tenant)]


@dataclass(frozen=True)
class Merged:
    """Two changes of one thing put together. `clashes` are the fields that both have changed, each otherwise."""

    value: Any
    clashes: tuple[str, ...] = ()


def three_way(base: Any, theirs: Any, ours: Any, path: str = "") -> Merged:
    """Put two changes of one value together, field by field; lists and other values are taken as a whole."""
    if _same(ours, theirs) or _same(ours, base):
        return Merged(theirs)
    if _same(theirs, base):
        return Merged(ours)
    if not (isinstance(theirs, dict) and isinstance(ours, dict)):
        return Merged(theirs, (path or "the value",))
    before = cast("dict[str, Any]", base) if isinstance(base, dict) else dict[str, Any]()
    left, right = cast("dict[str, Any]", theirs), cast("dict[str, Any]", ours)
    made: dict[str, Any] = {}
    clashes: list[str] = []
    for name in dict.fromkeys((*left, *right)):
        base_, theirs_, ours_ = (side.get(name, _MISSING) for side in (before, left, right))
        one = three_way(base_, theirs_, ours_, f"{path}.{name}" if path else name)
        clashes += one.clashes
        if one.value is not _MISSING:
            made[name] = one.value
    return Merged(made, tuple(clashes))


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; `1` and `true` are not."""
    if one is _MISSING or other is _MISSING:
        return one is other
    return dump(one) == dump(other)


def _store(tx: Transaction, tenant: str, wish: Wish, version: int, made: Written) -> Written:
    row = {
        "tenant": tenant,
        "name": wish.name,
        "version": version,
        "value": dump(wish.value),
        "by": wish.by,
        "at": tx.now,
        "trust": int(wish.label.trust),
        "confidentiality": int(wish.label.confidentiality),
        "sources": dump(sorted(wish.label.sources)),
        "over": made.over,
        "action": wish.action,
    }
    tx.execute(_ADD, row)
    return made


def _record(row: Any) -> Record:
    label = Label(
        Trust(row.trust),
        sources=frozenset(json.loads(row.sources)),
        confidentiality=Confidentiality(row.confidentiality),
    )
    return Record(
        name=row.name,
        version=row.version,
        value=json.loads(row.value),
        by=row.by,
        at=row.at,
        label=label,
        over=row.over,
        action=row.action,
    )


_ADD = insert(records)
_OF = (records.c.tenant == bindparam("tenant"), records.c.name == bindparam("name"))
_ONE = select(records).where(*_OF, records.c.version == bindparam("version"))
_NEWEST = select(records).where(*_OF).order_by(records.c.version.desc()).limit(1)
_HISTORY = select(records).where(*_OF).order_by(records.c.version)
_BY_ACTION = select(records).where(records.c.action == bindparam("action"))
_LATER = records.alias("later")
_LISTED = (
    select(records)
    .where(
        records.c.tenant == bindparam("tenant"),
        records.c.version
        == select(func.max(_LATER.c.version))
        .where(_LATER.c.tenant == records.c.tenant, _LATER.c.name == records.c.name)
        .scalar_subquery(),
    )
    .order_by(records.c.name)
)
