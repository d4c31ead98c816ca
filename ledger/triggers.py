"""How far triggers have come, and what they have started: each time, file and event once, whoever fires."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from baton.core import RunId, Trust, dump
from baton.ledger import bodies
from baton.ledger.locks import lock_name
from baton.ledger.schema import signals
from baton.ledger.schema_triggers import firings, folded, triggers
from baton.ledger.transaction import Transaction

KEPT_SECONDS = 30 * 86400.0
"""How long it is known of an event that a trigger has seen it: as long as events are kept."""


@dataclass(frozen=True, kw_only=True)
class Happened:
    """An event that was published.

    Attributes:
        number: In the order in which they were published.
        data: What it says; None where it says nothing.
        text: As an agent reads it.
    """

    number: int
    name: str
    key: str
    data: Any
    text: str
    trust: Trust
    at: float


@dataclass(frozen=True, kw_only=True)
class Firing:
    """A run that a trigger has started, because of the time, file or event that `key` names."""

    trigger: str
    key: str
    run: RunId
    at: float


def hold(tx: Transaction, name: str) -> tuple[float, dict[str, Any]]:
    """From when on a trigger counts and what it keeps in mind; nobody else fires it until the transaction ends."""
    lock_name(tx, f"trigger {name}")
    row = tx.row(_GET, name=name)
    if row is not None:
        return row.since, json.loads(row.state)
    tx.execute(insert(triggers).values(name=name, since=tx.now, state="{}"))
    return tx.now, {}


def begun(tx: Transaction, name: str) -> bool:
    """Whether a trigger counts already."""
    return tx.row(_GET, name=name) is not None


def keep(tx: Transaction, name: str, state: Mapping[str, Any]) -> None:
    """Keep what a trigger keeps in mind."""
    tx.changed(_KEEP, which=name, new=dump(dict(state)))


def known(tx: Transaction, name: str, keys: Sequence[str]) -> set[str]:
    """Those of these times, files or events that a trigger has started a run for."""
    return set(tx.values(_KNOWN, name=name, keys=list(keys))) if keys else set()


def note(tx: Transaction, name: str, key: str, run: RunId) -> None:
    """Keep that a trigger has started a run."""
    tx.execute(_NOTE, {"trigger": name, "key": key, "run": run, "at": tx.now})


def unseen(tx: Transaction, name: str, events: Sequence[str], since: float, limit: int) -> list[Happened]:
    """Events of these names that a trigger has not seen, in the order in which they were published."""
    rows = tx.rows(_UNSEEN, trigger=name, names=list(events), since=since, most=limit)
    texts = bodies.load(tx, [row.body for row in rows])
    return [_happened(row, texts[row.body]) for row in rows]


def see(tx: Transaction, name: str, numbers: Sequence[int]) -> None:
    """Keep that a trigger has seen events."""
    tx.execute(_SEE, [{"trigger": name, "number": number, "at": tx.now} for number in numbers])


def listed(tx: Transaction, limit: int) -> list[Firing]:
    """What triggers have started, the newest first."""
    return [Firing(trigger=row.trigger, key=row.key, run=row.run, at=row.at) for row in tx.rows(_LISTED, most=limit)]


def forget(tx: Transaction) -> None:
    """Forget of which events it is known that they were seen, where the events are gone long since."""
    tx.changed(_FORGET, before=tx.now - KEPT_SECONDS)


_GET = select(triggers).where(triggers.c.name == bindparam("name"))
_KEEP = update(triggers).where(triggers.c.name == bindparam("which")).values(state=bindparam("new"))
_KNOWN = select(firings.c.key).where(
    firings.c.trigger == bindparam("name"), firings.c.key.in_(bindparam("keys", expanding=True))
)
_NOTE = insert(firings)
_SEEN = select(folded.c.number).where(folded.c.trigger == bindparam("trigger"))
_UNSEEN = (
    select(signals)
    .where(
        signals.c.name.in_(bindparam("names", expanding=True)),
        signals.c.at >= bindparam("since"),
        signals.c.id.not_in(_SEEN),
    )
    .order_by(signals.c.id)
    .limit(bindparam("most"))
)
_SEE = insert(folded)
_LISTED = select(firings).order_by(firings.c.at.desc(), firings.c.trigger, firings.c.key).limit(bindparam("most"))
_FORGET = delete(folded).where(folded.c.at < bindparam("before"))


def _happened(row: Any, text: str) -> Happened:
    said = text.partition("] ")[2]
    return Happened(
        number=row.id,
        name=row.name,
        key=row.key,
        data=json.loads(said) if said else None,
        text=text,
        trust=Trust(row.trust),
        at=row.at,
    )
