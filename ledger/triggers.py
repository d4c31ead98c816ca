"""How far triggers have come, and what they have started: each time, file and event once, whoever fires."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from baton.core import RunId, Trust, dump, storable
from baton.ledger import bodies
from baton.ledger.locks import lock_name
from baton.ledger.schema import events, runs, signals
from baton.ledger.schema_triggers import firings, folded, triggers
from baton.ledger.schema_triggers import set_aside as asides
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


@dataclass(frozen=True, kw_only=True)
class Aside:
    """Something that has started nothing, and why."""

    key: str
    why: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Count:
    """What a trigger has done.

    Attributes:
        since: From when on it counts, in seconds since 1970.
        state: What it keeps in mind.
        started: How many runs.
        last: When the last one was; None if none was.
        aside: How much was set aside.
    """

    since: float
    state: Mapping[str, Any]
    started: int = 0
    last: float | None = None
    aside: int = 0


RECORDED = "record "
"""What the keys of firings begin with that are about an event of the record; its number follows."""


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


def unseen(tx: Transaction, name: str, names: Sequence[str], since: float, limit: int) -> list[Happened]:
    """Events of these names that a trigger has not seen, in the order in which they were published."""
    rows = tx.rows(_UNSEEN, trigger=name, names=list(names), since=since, most=limit)
    texts = bodies.load(tx, [row.body for row in rows])
    return [_happened(row, texts[row.body]) for row in rows]


def see(tx: Transaction, name: str, numbers: Sequence[int]) -> None:
    """Keep that a trigger has seen events."""
    tx.execute(_SEE, [{"trigger": name, "number": number, "at": tx.now} for number in numbers])


def set_aside(tx: Transaction, name: str, key: str, why: str) -> None:
    """Keep that something has started nothing, and why; once for each."""
    if tx.row(_ASIDE_ONE, trigger=name, key=key) is None:
        tx.execute(_ASIDE, {"trigger": name, "key": key, "why": storable(why)[:1000], "at": tx.now})


def listed(tx: Transaction, limit: int, name: str | None = None) -> list[Firing]:
    """What triggers have started, or one of them, the newest first."""
    rows = tx.rows(_LISTED, most=limit) if name is None else tx.rows(_LISTED_OF, name=name, most=limit)
    return [Firing(trigger=row.trigger, key=row.key, run=row.run, at=row.at) for row in rows]


def aside(tx: Transaction, name: str, limit: int) -> list[Aside]:
    """What has started nothing because of how it was, the newest first."""
    return [Aside(key=row.key, why=row.why, at=row.at) for row in tx.rows(_ASIDE_OF, name=name, most=limit)]


def counted(tx: Transaction) -> dict[str, Count]:
    """By trigger since when it counts, how much it has started, and when last."""
    found = {row.name: Count(since=row.since, state=json.loads(row.state)) for row in tx.rows(_ALL)}
    for row in tx.rows(_COUNTS):
        if row.trigger in found:
            found[row.trigger] = replace(found[row.trigger], started=row.number, last=row.newest)
    for row in tx.rows(_ASIDES):
        if row.trigger in found:
            found[row.trigger] = replace(found[row.trigger], aside=row.number)
    return found


def links(tx: Transaction, run: RunId, most: int) -> int:
    """How many runs lead to one, each begun by a trigger because of what happened to the one before; `most` at most.

    What a run has handed on, undone or forked counts as itself.
    """
    count, at = 0, run
    seen: set[str] = set()
    while count < most and at not in seen:
        seen.add(at)
        row = tx.row(_BEGUN_BY, run=at)
        if row is not None:
            event = tx.row(_HAPPENED_TO, id=int(row.key.removeprefix(RECORDED)))
            if event is None:
                return count + 1
            count, at = count + 1, RunId(event.run)
            continue
        parent = tx.row(_CAME_FROM, run=at)
        before = next((one for one in parent if one is not None), None) if parent is not None else None
        if before is None:
            return count
        at = RunId(before)
    return count


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
_LISTED_OF = (
    select(firings)
    .where(firings.c.trigger == bindparam("name"))
    .order_by(firings.c.at.desc(), firings.c.key)
    .limit(bindparam("most"))
)
_ASIDE = insert(asides)
_ASIDE_ONE = select(asides.c.key).where(asides.c.trigger == bindparam("trigger"), asides.c.key == bindparam("key"))
_ASIDE_OF = (
    select(asides)
    .where(asides.c.trigger == bindparam("name"))
    .order_by(asides.c.at.desc(), asides.c.key)
    .limit(bindparam("most"))
)
_ALL = select(triggers)
_COUNTS = select(firings.c.trigger, func.count().label("number"), func.max(firings.c.at).label("newest")).group_by(
    firings.c.trigger
)
_ASIDES = select(asides.c.trigger, func.count().label("number")).group_by(asides.c.trigger)
_BEGUN_BY = select(firings.c.key).where(firings.c.run == bindparam("run"), firings.c.key.like(f"{RECORDED}%"))
_HAPPENED_TO = select(events.c.run).where(events.c.id == bindparam("id"))
_CAME_FROM = select(runs.c.parent, runs.c.forked_from, runs.c.compensates).where(runs.c.id == bindparam("run"))
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
