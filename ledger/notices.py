"""Notices as rows: what is to be told to whom, held by one sender at a time, tried again until it is sent or given up.

They are made of the events in the record, behind a mark: an event is the promise that it will be told, and whoever
records it need not know to whom.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import bindparam, delete, exists, insert, or_, select, update

from baton.core import Ambiguous, NotFound, ReviewId, RunId, random_id
from baton.ledger.events import Mark, last
from baton.ledger.locks import lock_name
from baton.ledger.schema_people import gone_channels, notice_marks, notices
from baton.ledger.transaction import Transaction

State = Literal["waiting", "sent", "dead", "dropped"]

HOLD_SECONDS = 120.0
"""How long a sender has a notice to itself; longer than any attempt may take."""

_MARK = "events"


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to tell somebody.

    Attributes:
        channel: The name of the way that it goes.
        recipient: The person who is written to; empty for a webhook.
        event: What it is known by to whoever gets it; the same however often it is sent.
        kind: What happened, such as `review.requested`.
        body: JSON, as it is sent.
        state: `waiting`, `sent`, `dead` (given up), or `dropped` (no longer worth telling).
        at: When there is something to tell, in seconds since 1970.
        due: When it is sent, or tried again.
        letter: What goes out together has the same; None where it has not gone out yet, or goes alone.
        attempts: Begun so far.
        held_until: How long it is left to whoever sends it, who is known by that; None where nobody has begun.
        said: What the last attempt came to; empty before it.
        ended_at: When it was sent, given up or dropped.
    """

    id: str
    channel: str
    recipient: str
    event: str
    kind: str
    run: RunId
    review: ReviewId | None
    body: str
    state: State
    at: float
    due: float
    letter: str | None
    attempts: int
    held_until: float | None
    said: str
    ended_at: float | None


def begin(tx: Transaction) -> None:
    """Tell what happens from now on; where that was begun earlier, it goes on from there."""
    lock_name(tx, "notices")
    if tx.row(_READ_MARK, name=_MARK) is None:
        xact, event = last(tx)
        tx.execute(insert(notice_marks).values(name=_MARK, xact=xact, event=event))


def mark(tx: Transaction) -> Mark:
    """Up to where notices have been made of the events; (0, 0) before `begin`."""
    row = tx.row(_READ_MARK, name=_MARK)
    return (row.xact, row.event) if row else (0, 0)


def move(tx: Transaction, to: Mark) -> None:
    """Note that notices have been made of all events up to a mark; the caller holds the name `notices`."""
    tx.changed(_MOVE, called=_MARK, to_xact=to[0], to_event=to[1])


def add(
    tx: Transaction,
    channel: str,
    *,
    recipient: str = "",
    event: str,
    kind: str,
    run: RunId,
    review: ReviewId | None,
    body: str,
    at: float,
    due: float,
) -> None:
    """Have something told; see `Notice`. What the recipient was or will be told already is not told again."""
    if tx.value(_KNOWN, to=channel, who=recipient, what=event):
        return
    row: dict[str, Any] = {"id": random_id("ntc"), "channel": channel, "recipient": recipient, "event": event}
    row |= {"kind": kind, "run": run, "review": review, "body": body, "at": at, "due": due}
    row |= {"state": "waiting", "attempts": 0}
    tx.execute(_ADD, row)


def due_on(tx: Transaction, channels: Collection[str]) -> list[str]:
    """Those of the channels, without the ones that were closed, on which something is due that nobody is sending."""
    closed = gone(tx)
    return [name for name in channels if name not in closed and tx.value(_ANY_DUE, channel=name, now=tx.now)]


def take(tx: Transaction, channel: str, limit: int, *, together: bool) -> list[tuple[Notice, ...]]:
    """Hold what is due on a channel, the earliest first, for as long as an attempt may take.

    Args:
        tx: The transaction.
        channel: The channel.
        limit: How many deliveries.
        together: Whether what waits for the same recipient goes out with what is due: it then stays together.

    Returns:
        For each delivery its notices; none where the channel was closed. Of two that take at once, each gets others.
    """
    if channel in gone(tx):
        return []
    deliveries: list[tuple[Notice, ...]] = []
    taken: set[str] = set()
    for row in tx.rows(_DUE, channel=channel, now=tx.now, most=limit):
        if row.id not in taken:
            held = _hold(tx, row, together=together)
            taken.update(one.id for one in held)
            deliveries.append(held)
    return deliveries


def _hold(tx: Transaction, row: Any, *, together: bool) -> tuple[Notice, ...]:
    """Hold a notice that is due, with what goes out together with it; the letter is named by the first that is due."""
    rows, letter, until = [row], None, tx.now + HOLD_SECONDS
    if together:
        letter = row.letter or row.id
        found = tx.rows(_TOGETHER, channel=row.channel, recipient=row.recipient, letter=letter, now=tx.now)
        rows = [one for one in found if one.letter == row.letter]
    tx.changed(_HOLD, ids=[one.id for one in rows], until=until, together=letter)
    known = [_notice(one) for one in rows]
    return tuple(replace(one, letter=letter, held_until=until, attempts=one.attempts + 1) for one in known)


def end(tx: Transaction, held: Sequence[Notice], state: State, said: str) -> None:
    """Note that held notices were sent, given up or dropped; those that somebody else holds by now are left to them."""
    for one in held:
        tx.changed(_END, notice=one.id, fence=one.held_until, how=state, what=said, now=tx.now)


def put_off(tx: Transaction, held: Sequence[Notice], until: float, said: str) -> None:
    """Have held notices tried again at a time, in seconds since 1970."""
    for one in held:
        tx.changed(_PUT_OFF, notice=one.id, fence=one.held_until, until=until, what=said)


def listed(tx: Transaction, states: Collection[State], limit: int = 1000) -> list[Notice]:
    """Notices in some states, the oldest first."""
    return [_notice(row) for row in tx.rows(_LISTED, states=list(states), most=limit)]


def find(tx: Transaction, prefix: str) -> Notice:
    """The notice whose id starts with `prefix`, with or without `ntc_`.

    Raises:
        NotFound, Ambiguous: if there is none, or several.
    """
    start = prefix if prefix.startswith("ntc_") else f"ntc_{prefix}"
    rows = tx.rows(select(notices).where(notices.c.id.startswith(start, autoescape=True)).limit(5))
    if not rows:
        raise NotFound("notice", prefix, hint="`baton notices list` shows what there is.")
    if len(rows) > 1:
        raise Ambiguous("notice", prefix, [row.id for row in rows])
    return _notice(rows[0])


def again(tx: Transaction, ids: Sequence[str]) -> int:
    """Have notices that were sent, given up or dropped sent once more, under what they are known by; how many."""
    return tx.changed(_AGAIN, ids=list(ids), now=tx.now)


def forget(tx: Transaction, before: float) -> int:
    """Delete notices that were sent or dropped before a time; how many."""
    return tx.changed(_FORGET, before=before)


def close_channel(tx: Transaction, channel: str, said: str) -> None:
    """Send nothing more on a channel, as its receiver asked for, until somebody opens it; what waits is given up."""
    lock_name(tx, "notices")
    if tx.row(_GONE_ONE, name=channel) is None:
        tx.execute(insert(gone_channels).values(name=channel, said=said, at=tx.now))
    tx.changed(_GIVE_UP, on=channel, what=said, now=tx.now)


def open_channel(tx: Transaction, channel: str) -> bool:
    """Send on a channel again, from now on; whether it was closed."""
    return bool(tx.changed(delete(gone_channels).where(gone_channels.c.name == channel)))


def gone(tx: Transaction) -> dict[str, tuple[str, float]]:
    """The channels that were closed: what was said, and when."""
    return {row.name: (row.said, row.at) for row in tx.rows(_GONE)}


def _notice(row: Any) -> Notice:
    return Notice(
        id=row.id,
        channel=row.channel,
        recipient=row.recipient,
        event=row.event,
        kind=row.kind,
        run=RunId(row.run),
        review=ReviewId(row.review) if row.review else None,
        body=row.body,
        state=row.state,
        at=row.at,
        due=row.due,
        letter=row.letter,
        attempts=row.attempts,
        held_until=row.held_until,
        said=row.said or "",
        ended_at=row.ended_at,
    )


_READ_MARK = select(notice_marks).where(notice_marks.c.name == bindparam("name"))
_MOVE = (
    update(notice_marks)
    .where(notice_marks.c.name == bindparam("called"))
    .values(xact=bindparam("to_xact"), event=bindparam("to_event"))
)
_ADD = insert(notices)
_KNOWN = select(notices.c.id).where(
    notices.c.channel == bindparam("to"), notices.c.recipient == bindparam("who"), notices.c.event == bindparam("what")
)
_FREE = or_(notices.c.held_until.is_(None), notices.c.held_until <= bindparam("now"))
_WAITING = (notices.c.state == "waiting", _FREE)
_ANY_DUE = select(
    exists().where(*_WAITING, notices.c.channel == bindparam("channel"), notices.c.due <= bindparam("now"))
)
_DUE = (
    select(notices)
    .where(*_WAITING, notices.c.channel == bindparam("channel"), notices.c.due <= bindparam("now"))
    .order_by(notices.c.due, notices.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TOGETHER = (
    select(notices)
    .where(
        *_WAITING,
        notices.c.channel == bindparam("channel"),
        notices.c.recipient == bindparam("recipient"),
        notices.c.at <= bindparam("now"),
        or_(notices.c.letter.is_(None), notices.c.letter == bindparam("letter")),
    )
    .order_by(notices.c.at, notices.c.id)
    .with_for_update(skip_locked=True)
)
_HOLD = (
    update(notices)
    .where(notices.c.id.in_(bindparam("ids", expanding=True)))
    .values(held_until=bindparam("until"), letter=bindparam("together"), attempts=notices.c.attempts + 1)
)
_HELD = (
    notices.c.id == bindparam("notice"),
    notices.c.held_until == bindparam("fence"),
    notices.c.state == "waiting",
)
_END = (
    update(notices)
    .where(*_HELD)
    .values(state=bindparam("how"), said=bindparam("what"), ended_at=bindparam("now"), held_until=None)
)
_PUT_OFF = update(notices).where(*_HELD).values(due=bindparam("until"), said=bindparam("what"), held_until=None)
_LISTED = (
    select(notices)
    .where(notices.c.state.in_(bindparam("states", expanding=True)))
    .order_by(notices.c.at, notices.c.id)
    .limit(bindparam("most"))
)
_AGAIN = (
    update(notices)
    .where(notices.c.id.in_(bindparam("ids", expanding=True)), notices.c.state != "waiting")
    .values(state="waiting", due=bindparam("now"), attempts=0, letter=None, held_until=None, ended_at=None)
)
_FORGET = delete(notices).where(notices.c.state.in_(("sent", "dropped")), notices.c.ended_at < bindparam("before"))
_GIVE_UP = (
    update(notices)
    .where(notices.c.channel == bindparam("on"), notices.c.state == "waiting")
    .values(state="dead", said=bindparam("what"), ended_at=bindparam("now"), held_until=None)
)
_GONE = select(gone_channels).order_by(gone_channels.c.name)
_GONE_ONE = select(gone_channels.c.name).where(gone_channels.c.name == bindparam("name"))
