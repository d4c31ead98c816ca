"""Events from outside and the runs that wait for them. Stored, an event is a row of `signals`.

A wait is `open` until an event meets it (`met`, then `given` once the run's mailbox has it) or its time comes
(`late`), whichever is first; the end of its run makes it `dropped`. Each step is a compare-and-set on the state.

Whoever publishes marks waits and starts timers that are due at once; the mail is posted when these fire. So a publisher
holds no run's row, and on Postgres nobody waits for anybody in a circle: a publisher takes its lock for itself, those
that begin to wait share it, and neither sees half of what the other does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from baton.core import ActionId, BodyId, InvalidValue, RunId, Trust, dump
from baton.ledger import bodies, families, timers
from baton.ledger.locks import lock_name
from baton.ledger.schema import runs, signals, waits
from baton.ledger.transaction import Transaction

LONGEST_NAME = 200
"""Characters of an event's name, and of its key."""

LONGEST_DATA = 100_000
"""Characters of an event's data as JSON."""

_AT_ONCE = 0.0  # by any worker's clock


@dataclass(frozen=True, kw_only=True)
class Wait:
    """A run's wait for an event.

    Attributes:
        action: The call that waits.
        key: Which of the events with this name, such as an order's number; empty is one without a key.
        until: Seconds since 1970 from when on nobody waits any more; None is for ever.
    """

    action: ActionId
    run: RunId
    name: str
    key: str
    until: float | None

    @property
    def event(self) -> str:
        """What is waited for, in words."""
        return f"{self.name} {self.key}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A published event. `body` is where its text stands, `trust` is of that."""

    body: BodyId
    trust: Trust
    sender: str


def check_name(what: str, name: str) -> None:
    """Refuse what could not be an event's name, or its key.

    Raises:
        InvalidValue: if it is empty, too long, or not on one line.
    """
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidValue(what, name[:LONGEST_NAME], f"1 to {LONGEST_NAME} characters on one line")


def publish(tx: Transaction, name: str, key: str, data: object, *, trust: Trust, sender: str) -> int:
    """Record an event, for the runs that wait for it and those that will; to how many runs it goes at once.

    A transaction that is within a tenant publishes to its runs alone.

    Raises:
        InvalidValue: if its name, its key or its data cannot be taken.
    """
    check_name("event", name)
    if key:
        check_name("key", key)
    text = _text(name, key, data)
    lock_name(tx, f"event {name} {key}")
    row = {
        "name": name,
        "key": key,
        "body": bodies.store(tx, text),
        "trust": int(trust),
        "sender": sender,
        "tenant": tx.tenant,
    }
    signal: int = tx.value(_PUBLISH, **row, at=tx.now)
    meet, whose = (_MEET, {}) if tx.tenant is None else (_MEET_WITHIN, {"whose": tx.tenant})
    found = tx.rows(meet, event=name, about=key, met_by=signal, **whose)
    met = {wait.run: wait.action for wait in found}
    for run, action in sorted(met.items()):
        timers.start(tx, RunId(run), _AT_ONCE, "event", action)
    return len(met)


def begin(tx: Transaction, run: RunId, action: ActionId, name: str, key: str, until: float | None) -> None:
    """Have a run wait for an event; one published since it was submitted, and not given to it yet, meets it at once."""
    lock_name(tx, f"event {name} {key}", shared=True)
    signal = tx.value(_UNGIVEN, run=run, name=name, key=key)
    state = "open" if signal is None else "met"
    row = {"action": action, "run": run, "name": name, "key": key, "until": until, "state": state}
    tx.execute(_BEGIN, row | {"signal": signal, "opened_at": tx.now})
    due = until if signal is None else _AT_ONCE
    if due is not None:
        timers.start(tx, run, due, "event", action)


def settle(tx: Transaction, action: ActionId) -> tuple[Wait, Signal | None] | None:
    """Take what a wait has come to: its event, or None where the time came first; None if it is settled already."""
    given = bool(tx.changed(_SETTLE, waiting=action, known="met", new="given"))
    if not given and not tx.changed(_SETTLE, waiting=action, known="open", new="late"):
        return None
    row = tx.row(_ONE, action=action)
    if not given:
        return _wait(row), None
    tx.changed(_GIVEN_TOO, of=row.run, by=row.signal)  # the run waited for it twice, and is told once
    signal = tx.row(_SIGNAL, signal=row.signal)
    return _wait(row), signal and Signal(body=signal.body, trust=Trust(signal.trust), sender=signal.sender)


def pending(tx: Transaction, run: RunId) -> list[Wait]:
    """What a run waits for and has not been told of, oldest first."""
    return [_wait(row) for row in tx.rows(_PENDING, run=run)]


def pending_below(tx: Transaction, run: RunId) -> list[Wait]:
    """The same of a run and of all that it handed work to."""
    return [_wait(row) for row in tx.rows(_PENDING_BELOW, run=run)]


def of_actions(tx: Transaction, actions: Sequence[ActionId]) -> dict[ActionId, tuple[str, str | None]]:
    """What these calls' waits have come to: the state, and the text of the event that has met it.

    The state is one of `open`, `met`, `given`, `late` and `dropped`.
    """
    rows = tx.rows(_OF_ACTIONS, actions=list(actions)) if actions else []
    texts = bodies.load(tx, [row.body for row in rows])
    return {ActionId(row.action): (row.state, texts[row.body] if row.body else None) for row in rows}


def drop_one(tx: Transaction, run: RunId, action: ActionId) -> bool:
    """Have a run no longer wait for one event; whether it still did."""
    timers.stop(tx, run, "event", action)
    return bool(tx.changed(_DROP_ONE, which=action))


def endless(tx: Transaction) -> list[Wait]:
    """Waits for events that have not come and have no limit of time, oldest first."""
    return [_wait(row) for row in tx.rows(_ENDLESS)]


def drop(tx: Transaction, run: RunId) -> None:
    """Have a run wait for no event any more."""
    tx.changed(_DROP, of=run)


def expire(tx: Transaction, before: float) -> int:
    """Forget events published before a time, other than those on their way to a run; how many."""
    tx.changed(_UNTIE, before=before)
    return tx.changed(_EXPIRE, before=before)


_LEFT = waits.c.state.in_(("open", "met"))
_PUBLISH = insert(signals).returning(signals.c.id)
_MEET = (
    update(waits)
    .where(waits.c.name == bindparam("event"), waits.c.key == bindparam("about"), waits.c.state == "open")
    .values(state="met", signal=bindparam("met_by"))
    .returning(waits.c.run, waits.c.action)
)
_MEET_WITHIN = _MEET.where(waits.c.run.in_(select(runs.c.id).where(runs.c.tenant == bindparam("whose"))))
_GIVEN = select(waits.c.signal).where(waits.c.run == bindparam("run"), waits.c.signal.is_not(None))
_SUBMITTED = select(runs.c.created_at).where(runs.c.id == bindparam("run")).scalar_subquery()
_TENANT = select(runs.c.tenant).where(runs.c.id == bindparam("run")).scalar_subquery()
_UNGIVEN = select(func.min(signals.c.id)).where(
    signals.c.name == bindparam("name"),
    signals.c.key == bindparam("key"),
    signals.c.at >= _SUBMITTED,
    or_(signals.c.tenant.is_(None), signals.c.tenant == _TENANT),
    signals.c.id.not_in(_GIVEN),
)
_BEGIN = insert(waits)
_SETTLE = (
    update(waits)
    .where(waits.c.action == bindparam("waiting"), waits.c.state == bindparam("known"))
    .values(state=bindparam("new"))
)
_GIVEN_TOO = (
    update(waits)
    .where(waits.c.run == bindparam("of"), waits.c.signal == bindparam("by"), waits.c.state == "met")
    .values(state="given")
)
_ONE = select(waits).where(waits.c.action == bindparam("action"))
_SIGNAL = select(signals).where(signals.c.id == bindparam("signal"))
_PENDING = select(waits).where(waits.c.run == bindparam("run"), _LEFT).order_by(waits.c.opened_at)
_PENDING_BELOW = select(waits).where(waits.c.run.in_(families.below()), _LEFT).order_by(waits.c.opened_at)
_ENDLESS = select(waits).where(waits.c.state == "open", waits.c.until.is_(None)).order_by(waits.c.opened_at)
_OF_ACTIONS = (
    select(waits.c.action, waits.c.state, signals.c.body)
    .select_from(waits.outerjoin(signals, signals.c.id == waits.c.signal))
    .where(waits.c.action.in_(bindparam("actions", expanding=True)))
)
_DROP_ONE = update(waits).where(waits.c.action == bindparam("which"), _LEFT).values(state="dropped")
_DROP = update(waits).where(waits.c.run == bindparam("of"), _LEFT).values(state="dropped")
_OLD = select(signals.c.id).where(signals.c.at < bindparam("before"))
_UNTIE = update(waits).where(waits.c.signal.in_(_OLD), waits.c.state != "met").values(signal=None)
_TIED = select(waits.c.signal).where(waits.c.signal.is_not(None))
_EXPIRE = delete(signals).where(signals.c.at < bindparam("before"), signals.c.id.not_in(_TIED))


def _text(name: str, key: str, data: object) -> str:
    """An event as an agent reads it: on one line, whatever was published."""
    try:
        said = "" if data is None else f" {dump(data)}"
    except (TypeError, ValueError) as error:
        raise InvalidValue("data", data, f"what JSON can hold ({error})") from error
    if len(said) > LONGEST_DATA:
        raise InvalidValue("data", said[:40], f"at most {LONGEST_DATA} characters", "Publish where to find the rest.")
    return f"[event {name} {key}".rstrip() + f"]{said}"


def _wait(row: Any) -> Wait:
    return Wait(action=row.action, run=row.run, name=row.name, key=row.key, until=row.until)
