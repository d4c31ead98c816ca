"""What is open and waits for something: found by indexes of what is open, however much has ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select

from baton.core import Fault, RunId
from baton.ledger import bodies, reservations, reviews
from baton.ledger.reservations import Reservation
from baton.ledger.reviews import Review
from baton.ledger.schema import runs, timers, waits
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A run that has not ended.

    Attributes:
        parent: The run that waits for its end; None where none does.
        ready: Whether it has something to look at, or somebody is at work on it; a lease that has run out counts, for
            another worker takes it over.
        timed: Whether a time comes at which it is told something.
        listens: Whether it waits for an event from outside.
        conversation: Whether it goes on with whatever its requester says.
        poisoned: Whether it has killed its workers, and nothing but an answer to that lets it go on.
    """

    id: RunId
    agent: str
    parent: RunId | None
    requester: str | None
    ready: bool
    timed: bool
    listens: bool
    conversation: bool
    poisoned: bool


@dataclass(frozen=True)
class OpenWork:
    """All that is open, the reviews in the order in which they are listed.

    Attributes:
        reservations: What somebody has, and what is waited for, first come first.
        room: How many may have each resource at once.
    """

    runs: tuple[OpenRun, ...]
    reviews: tuple[Review, ...]
    reservations: tuple[Reservation, ...] = ()
    room: Mapping[str, int] = field(default_factory=dict[str, int])


def open_work(tx: Transaction) -> OpenWork:
    """Read what is open, in a handful of statements."""
    rows = tx.rows(_OPEN)
    parked = [row for row in rows if not row.ready]
    goals = bodies.load(tx, [row.goal for row in parked])
    talks = {row.id for row in parked if json.loads(goals[row.goal]).get("conversation")}
    timed, listening = set(tx.values(_TIMED)), set(tx.values(_LISTENING))
    found = tuple(
        OpenRun(
            id=row.id,
            agent=row.agent,
            parent=row.parent,
            requester=row.requester,
            ready=bool(row.ready),
            timed=row.id in timed,
            listens=row.id in listening,
            conversation=row.id in talks,
            poisoned=row.fault == Fault.POISONED,
        )
        for row in rows
    )
    held = tuple(reservations.listed(tx))
    room = {one.name: one.capacity for one in reservations.known(tx)} if held else dict[str, int]()
    return OpenWork(found, tuple(reviews.waiting(tx)), held, room)


def holding(asked: Sequence[Review], one: Reservation) -> Review | None:
    """Of open questions the one that holds a reservation; None where none does, and where its run had it before."""
    if one.scope != "action" or one.waits or one.key not in one.kept_for:
        return None
    return next((review for review in asked if review.action == one.key), None)


_READY = or_(runs.c.wake > runs.c.seen, runs.c.lease_owner.is_not(None)).label("ready")
_OPEN = (
    select(runs.c.id, runs.c.agent, runs.c.parent, runs.c.requester, runs.c.goal, runs.c.fault, _READY)
    .where(runs.c.ended_at.is_(None))
    .order_by(runs.c.id)
)
_TIMED = select(timers.c.run).where(timers.c.kind.in_(("wait", "event", "goal", "stay"))).distinct()
_LISTENING = select(waits.c.run).where(waits.c.state == "open").distinct()
