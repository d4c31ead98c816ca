"""Leases: who may advance a run, the fence that keeps a stale worker out, and what is ready to be advanced."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, exists, func, literal_column, or_, select, update

from baton.core import (
    Fault,
    RunId,
    Superseded,
    storable,
)
from baton.ledger import at_once
from baton.ledger.events import emit
from baton.ledger.runs import ENDED
from baton.ledger.schema import effects, messages, runs
from baton.ledger.schema_people import reviews
from baton.ledger.transaction import Transaction


@dataclass(frozen=True)
class Lease:
    """The right to write for a run, until a newer epoch exists.

    Attributes:
        wake: The run's `wake` when the lease was taken: what `seen` becomes once the work is done.
        agent: The run's agent.
        fingerprint: What the run was begun with, or last found to fit; None where no code was at hand.
        forked_at: The turn that a fork goes on from; None where it is no fork.
        takeovers: Workers in a row that died while they held the run, since its last recorded step.
        poisoned: Whether the run was parked for that.
        limited: Whether another run may wait for its place.
    """

    run: RunId
    owner: str
    epoch: int
    wake: int
    agent: str = ""
    fingerprint: str | None = None
    forked_at: int | None = None
    takeovers: int = 0
    poisoned: bool = False
    limited: bool = False


_AT_TOOL = select(
    exists().where(
        effects.c.run == bindparam("run"), effects.c.epoch == bindparam("epoch"), effects.c.state == "claimed"
    )
)
_EPOCH = select(runs.c.epoch).where(runs.c.id == bindparam("run"))
_LOCKED_EPOCH = _EPOCH.with_for_update()  # SQLite has one writer anyway
_LOCKED_EPOCHS = (
    select(runs.c.id, runs.c.epoch)
    .where(runs.c.id.in_(bindparam("runs", expanding=True)))
    .order_by(runs.c.id)
    .with_for_update()
)


def ready(
    tx: Transaction, limit: int, at_hand: Mapping[str, str] | None = None, *, limited: bool = False
) -> dict[str, list[RunId]]:
    """Runs that have something to look at and that nobody works on, by tenant, each's in the order of their rank.

    Args:
        tx: The transaction.
        limit: How many at most of each tenant.
        at_hand: Fingerprints of the agents at hand by name: only what they may advance; None is whatever is ready.
        limited: Whether agents or tenants may have so many runs at work; those that have as many are passed over.
    """
    full = at_once.full(tx) if limited else at_once.Full()
    if at_hand is not None:
        at_hand = at_once.without(at_hand, full)
    found: dict[str, list[RunId]] = {}
    for tenant in (name for name in tx.values(_TENANTS) if name not in full.tenants):
        if at_hand is None:
            ours = tx.values(_READY, of=tenant, now=tx.now, most=limit)
        else:
            ours = tx.values(_READY_HERE, of=tenant, now=tx.now, most=limit, **names(at_hand))
        if ours:
            found[tenant] = [RunId(run) for run in ours]
    return found


def count_ready(tx: Transaction, agent: str) -> int:
    """How many runs of an agent have something to look at, and nobody works on them."""
    return int(tx.value(_COUNT_READY, agent=agent, now=tx.now))


def held(tx: Transaction) -> bool:
    """Whether anybody works on any run."""
    return bool(tx.value(_SOMEBODY_WORKS, now=tx.now))


def next_ready(tx: Transaction) -> float | None:
    """When the next run becomes ready by the clock alone (its lease expires, its pause ends); None if none will."""
    first: float | None = tx.value(_NEXT_READY, now=tx.now)
    return first


_SOMEBODY_WORKS = select(exists().where(runs.c.lease_until >= bindparam("now")))
_LEASED = func.coalesce(runs.c.lease_until, 0.0)
_SOONEST = case((runs.c.not_before > _LEASED, runs.c.not_before), else_=_LEASED)
_NEXT_READY = select(func.min(_SOONEST)).where(runs.c.wake > runs.c.seen, _SOONEST > bindparam("now"))
_other = runs.alias("other")
_none = literal_column("0", Integer)  # not a bound value: only so is the partial index known to hold all there are
_SUSPECT_AT_WORK = exists().where(_other.c.takeovers > _none, _other.c.lease_until >= bindparam("now"))
is_ready = and_(
    runs.c.wake > runs.c.seen,
    runs.c.not_before <= bindparam("now"),
    _LEASED < bindparam("now"),
    or_(runs.c.takeovers == 0, ~_SUSPECT_AT_WORK),  # whose worker died goes alone: then it is known who kills them
)
"""Whether a run has something to look at and nobody works on it, at the time `now`."""
_COUNT_READY = select(func.count()).where(runs.c.agent == bindparam("agent"), is_ready)
_READY = (
    select(runs.c.id)
    .where(runs.c.tenant == bindparam("of"), is_ready)
    .order_by(runs.c.rank, runs.c.id)
    .limit(bindparam("most"))
)
_AWAKE = runs.c.wake > runs.c.seen
_FIRST_TENANT = select(func.min(runs.c.tenant).label("tenant")).where(_AWAKE).cte("awake", recursive=True)
_AFTER = select(func.min(runs.c.tenant)).where(_AWAKE, runs.c.tenant > _FIRST_TENANT.c.tenant).scalar_subquery()
_EACH_TENANT = _FIRST_TENANT.union_all(select(_AFTER).where(_FIRST_TENANT.c.tenant.is_not(None)))
_TENANTS = select(_EACH_TENANT.c.tenant).where(_EACH_TENANT.c.tenant.is_not(None))
"""Whose runs have something to look at: found in as many steps as there are tenants, however many runs."""
_IS_OURS = and_(
    runs.c.agent.in_(bindparam("agents", expanding=True)),
    or_(runs.c.pinned.is_(None), runs.c.pinned.in_(bindparam("prints", expanding=True))),
)
_IS_CANCELLED = exists().where(messages.c.run == runs.c.id, messages.c.kind == "cancel")  # anybody may end a run
fits_here = or_(_IS_OURS, _IS_CANCELLED)
"""Whether the code at hand may advance a run: `agents` by name, with the fingerprints `prints`."""
_READY_HERE = _READY.where(fits_here)


def take(
    tx: Transaction,
    run: RunId,
    owner: str,
    seconds: float,
    at_hand: Mapping[str, str] | None = None,
    *,
    limited: bool = False,
) -> Lease | None:
    """Become the run's only writer. A lease that has run out in another worker's hands counts as a takeover.

    Args:
        tx: The transaction.
        run: The run.
        owner: Who takes it.
        seconds: How long it is kept without being renewed.
        at_hand: Fingerprints of the agents at hand by name; None takes whatever is ready. A run's first worker
            leaves its own with the run.
        limited: Whether its agent or tenant may have so many runs at work, and no more.

    Returns:
        None if somebody else is, there is nothing to look at, no place is left, or the code at hand may not advance it.
    """
    tx.fenced.pop(run, None)
    last = tx.row(_HELD, run=run)
    if last is None or (limited and not at_once.has_place(tx, last.agent, last.tenant)):
        return None
    loser: str | None = last.lease_owner if last.lease_owner != owner else None
    values = {"now": tx.now, "owner": owner, "until": tx.now + seconds, "lost": int(loser is not None)}
    taken, here = (_TAKE, {}) if at_hand is None else (_TAKE_HERE, names(at_hand))
    row = tx.row(taken, run=run, last=last.epoch, **values, **here)
    if row is None:
        return None
    if loser is not None:
        _note_takeover(tx, run, loser, last.epoch, row.takeovers)
    known = row.fingerprint
    if known is None and at_hand is not None and row.agent in at_hand:
        known = at_hand[row.agent]
        tx.changed(_FINGERPRINT, run=run, print=known)
    return Lease(
        run=run,
        owner=owner,
        epoch=row.epoch,
        wake=row.wake,
        agent=row.agent,
        fingerprint=known,
        forked_at=row.forked_at,
        takeovers=row.takeovers,
        poisoned=row.fault == Fault.POISONED,
        limited=limited,
    )


def names(at_hand: Mapping[str, str]) -> dict[str, list[str]]:
    """The values that `fits_here` is given."""
    return {"agents": list(at_hand), "prints": list(at_hand.values())}


def _note_takeover(tx: Transaction, run: RunId, owner: str, epoch: int, takeovers: int) -> None:
    emit(tx, run, "run.taken_over", owner=owner, epoch=epoch, takeovers=takeovers)


_HELD = select(runs.c.lease_owner, runs.c.epoch, runs.c.agent, runs.c.tenant).where(runs.c.id == bindparam("run"))
_HAS_ENDED = runs.c.status.in_([literal_column(f"'{status}'") for status in sorted(ENDED)])
_AT_WORK = case((_HAS_ENDED, runs.c.status), else_="ready")  # its worker may have died as it ended
_TAKE = (
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("last"), is_ready)
    .values(
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
        epoch=runs.c.epoch + 1,
        takeovers=runs.c.takeovers + bindparam("lost"),
        status=_AT_WORK,
    )
    .returning(
        runs.c.epoch, runs.c.wake, runs.c.takeovers, runs.c.fault, runs.c.agent, runs.c.fingerprint, runs.c.forked_at
    )
)
_TAKE_HERE = _TAKE.where(fits_here)
_FINGERPRINT = update(runs).where(runs.c.id == bindparam("run")).values(fingerprint=bindparam("print"))


def free_all(tx: Transaction) -> int:
    """Take every lease away: for a process that knows it is the only one to dispatch; how many there were.

    Each counts as a takeover, but for those that were given back while a tool was at work. What their holders might
    still write is refused once a run is leased anew.
    """
    held = tx.rows(_ALL_HELD)
    for row in held:
        tx.changed(_FREE, run=row.id)
        _note_takeover(tx, RunId(row.id), row.lease_owner, row.epoch, row.takeovers + 1)
    return len(held) + tx.changed(_FREE_NOBODYS)


_FREE_NOBODYS = (
    update(runs).where(runs.c.lease_owner.is_(None), runs.c.lease_until.is_not(None)).values(lease_until=None)
)
_ALL_HELD = select(runs.c.id, runs.c.lease_owner, runs.c.epoch, runs.c.takeovers).where(runs.c.lease_owner.is_not(None))
_FREE = (
    update(runs)
    .where(runs.c.id == bindparam("run"))
    .values(lease_owner=None, lease_until=None, takeovers=runs.c.takeovers + 1)
)


def moved(tx: Transaction, run: RunId) -> None:
    """Record that a run has got further since its last takeover: that workers died is not held against it."""
    if tx.changed(_MOVED, run=run):
        tx.woken.add(run)


_MOVED = update(runs).where(runs.c.id == bindparam("run"), runs.c.takeovers > 0).values(takeovers=0)


def renew(tx: Transaction, lease: Lease, seconds: float) -> None:
    """Keep the lease for `seconds` more; one that was given back meanwhile stays so, whichever write comes last.

    Raises:
        Superseded: if a newer epoch exists.
    """
    if not tx.changed(_RENEW, run=lease.run, of=lease.epoch, by=lease.owner, until=tx.now + seconds):
        fence(tx, lease.run, lease.epoch)


_RENEW = (
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("of"), runs.c.lease_owner == bindparam("by"))
    .values(lease_until=bindparam("until"))
)


def fence(tx: Transaction, run: RunId, epoch: int) -> None:
    """Let a worker's write pass only while its epoch is the newest; nobody can raise it before this write is done.

    Raises:
        Superseded: if a newer one exists, or the run is gone.
    """
    if tx.wanted is not None:
        _check(run, epoch, tx.wanted.setdefault(run, epoch))
        return
    if run not in tx.fenced:
        tx.fenced[run] = tx.value(_LOCKED_EPOCH, run=run)
    _check(run, epoch, tx.fenced[run])


def hold(tx: Transaction, wanted: Collection[RunId]) -> None:
    """Lock the rows of these runs, always in the same order: each `fence` of this transaction has its answer then."""
    if len(wanted) == 1:
        (run,) = wanted
        tx.fenced[run] = tx.value(_LOCKED_EPOCH, run=run)
    elif wanted:
        tx.fenced.update((RunId(row.id), row.epoch) for row in tx.rows(_LOCKED_EPOCHS, runs=sorted(wanted)))


FENCE = (
    "SELECT 1 / (count(*) = $2)::int FROM ("
    "SELECT 1 FROM runs JOIN json_each_text($1) AS wanted(run, epoch)"
    " ON runs.id = wanted.run AND runs.epoch = wanted.epoch::int ORDER BY runs.id FOR UPDATE OF runs) AS held"
)
"""The same for many runs on Postgres, with nobody to look at the answer: it fails unless each epoch is the newest.

Its values are the epochs by run, as JSON, and how many there are.
"""


def still_newest(tx: Transaction, run: RunId, epoch: int) -> None:
    """The same question where nothing is written.

    Raises:
        Superseded: if a newer epoch exists, or the run is gone.
    """
    _check(run, epoch, tx.value(_EPOCH, run=run))


def _check(run: RunId, epoch: int, newest: int | None) -> None:
    if newest != epoch:
        raise Superseded(run, epoch, newest)


def park(tx: Transaction, lease: Lease) -> None:
    """Give the lease back after a good advance: what it had seen is seen. Trouble that people are asked about stays."""
    newest = tx.value(_PARK, run=lease.run, of=lease.epoch, looked_at=lease.wake)
    if newest is None:
        fence(tx, lease.run, lease.epoch)
    elif newest > lease.wake:
        tx.woken.add(lease.run)  # something came while it was at work
    tx.rested.add(lease.run)
    if lease.limited:
        at_once.wake_next(tx, lease.run)


def hand_back(tx: Transaction, lease: Lease) -> None:
    """Give the lease back in the middle of the work: another worker goes on where the last step ended.

    While a tool that this worker has called is still at work, the lease is left to run out, though nobody's: nobody
    may ask the world whether it happened before it had the time to.

    Raises:
        Superseded: if a newer epoch exists.
    """
    if tx.value(_AT_TOOL, run=lease.run, epoch=lease.epoch):
        _guarded(tx, lease, lease_owner=None)
        return
    _guarded(tx, lease, lease_owner=None, lease_until=None)
    tx.woken.add(lease.run)


_WAITS = case((_HAS_ENDED, runs.c.status), else_="waiting")
_IN_TROUBLE = and_(
    runs.c.fault.is_not(None),
    exists().where(reviews.c.run == runs.c.id, reviews.c.kind == "trouble", reviews.c.state == "open"),
)
_PARK = (
    update(runs)
    .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("of"))
    .values(
        seen=bindparam("looked_at"),
        status=_WAITS,
        lease_owner=None,
        lease_until=None,
        attempts=0,
        takeovers=0,
        trouble=case((_IN_TROUBLE, runs.c.trouble)),
        fault=case((_IN_TROUBLE, runs.c.fault)),
    )
    .returning(runs.c.wake)
)


def pause(tx: Transaction, lease: Lease, trouble: str, seconds: float, *, counts: bool = True) -> None:
    """Give the lease back after an advance that failed, or could not go on yet: it is tried again after `seconds`.

    `counts` says whether it is one of the failures after which people are asked.
    """
    _guarded(
        tx,
        lease,
        lease_owner=None,
        lease_until=None,
        not_before=tx.now + seconds,
        attempts=runs.c.attempts + int(counts),
        takeovers=0,
        trouble=storable(trouble),
        fault=Fault.TRANSIENT,
    )
    emit(tx, lease.run, "run.troubled", trouble=trouble, fault=Fault.TRANSIENT, again_in=round(seconds, 3))
    tx.times.add(tx.now + seconds)
    if lease.limited:
        at_once.wake_next(tx, lease.run)


def _guarded(tx: Transaction, lease: Lease, **values: Any) -> None:
    if not tx.changed(update(runs).where(runs.c.id == lease.run, runs.c.epoch == lease.epoch).values(**values)):
        fence(tx, lease.run, lease.epoch)
