"""Runs: their life from submission to end, their lease, and the fence that keeps a stale worker out."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Integer, and_, bindparam, case, exists, func, insert, literal_column, or_, select, update

from baton.core import (
    GOAL,
    Ambiguous,
    BodyId,
    Conflict,
    Fault,
    Goal,
    NotFound,
    RunId,
    Superseded,
    Trust,
    dump,
    random_id,
    storable,
)
from baton.ledger import bodies, timers
from baton.ledger.events import emit
from baton.ledger.locks import lock_name
from baton.ledger.schema import effects, messages, reviews, runs
from baton.ledger.transaction import Transaction

Status = Literal["ready", "waiting", "done", "refused", "failed", "cancelled"]
Outcome = Literal["done", "refused", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "refused", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Run:
    """One agent at work on one goal.

    Attributes:
        trust: Of the goal's statement: a person's, or lower for work that an agent handed over.
        status: `ready` (has work to do or is doing it), `waiting` (parked until mail), or how it ended.
        conversation: Shared by the runs that continue one another; the first run's id.
        parent: The run that handed this work over; None at the top.
        parent_action: The hand-off's action in the parent.
        wake: Rises with everything that should be looked at.
        seen: The value of `wake` up to which it was; ready means wake > seen.
        attempts: Advances that failed in a row and will be tried again.
        trouble: What went wrong: an advance that is tried again, or what people are asked about; None when all is well.
        fault: The class of that failure; None when all is well.
        takeovers: Workers in a row that died while they held it, since its last recorded step.
        working: Whether a worker holds its lease now.
        fingerprint: Of the code that it was begun with, or was last found to fit; None before its first advance.
        pinned: The fingerprint that alone may advance it; None is any.
        forked_from: The run whose transcript it shares up to turn `forked_at`; None where it is no fork.
        live: False for a fork, and what it hands over, that answers from the record and asks before it writes.
        compensates: The run whose effects it undoes; None where it undoes nothing.
    """

    id: RunId
    agent: str
    key: str | None
    conversation: str
    parent: RunId | None
    parent_action: str | None
    goal: Goal
    trust: Trust
    requester: str | None
    status: Status
    summary: str
    evidence: tuple[str, ...]
    wake: int
    seen: int
    attempts: int
    trouble: str | None
    fault: Fault | None
    takeovers: int
    working: bool
    epoch: int
    events: int
    turns: int
    prompt_tokens: int
    completion_tokens: int
    created_at: float
    ended_at: float | None
    deadline: float | None
    fingerprint: str | None
    pinned: str | None
    forked_from: RunId | None
    forked_at: int | None
    live: bool
    compensates: RunId | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


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


def create(
    tx: Transaction,
    goal: Goal,
    agent: str,
    *,
    id: RunId | None = None,
    key: str | None = None,
    conversation: str | None = None,
    trust: Trust = Trust.USER,
    parent: RunId | None = None,
    parent_action: str | None = None,
    live: bool = True,
) -> tuple[RunId, bool]:
    """Record a new run, ready to go; with a `key` that is known, find that run instead.

    Returns:
        Its id, and whether it is new.

    Raises:
        Conflict: if the key is known for another agent.
    """
    if key is not None:
        lock_name(tx, f"submit {key}")
        known = tx.row(select(runs.c.id, runs.c.agent).where(runs.c.key == key))
        if known is not None:
            if known.agent != agent:
                raise Conflict(f"submit with key {key!r}", f"{known.id} has it, for agent {known.agent!r}")
            return RunId(known.id), False
    run, deadline = id or RunId(random_id("run")), goal.due(tx.now)
    tx.execute(
        insert(runs).values(
            id=run,
            agent=agent,
            key=key,
            conversation=conversation or run,
            parent=parent,
            parent_action=parent_action,
            goal=bodies.store(tx, GOAL.dump_json(goal).decode()),
            trust=int(trust),
            requester=goal.requester,
            live=int(live),
            status="ready",
            created_at=tx.now,
            deadline=deadline,
        )
    )
    tx.woken.add(run)
    if deadline is not None:
        timers.start(tx, run, deadline, "goal")
    emit(tx, run, "run.submitted", agent=agent, parent=parent)
    return run, True


def get(tx: Transaction, run: RunId, goal: Goal | None = None) -> Run:
    """The run with this id; its goal never changes, and is not read where it is given.

    Raises:
        NotFound: if there is none.
    """
    row = tx.row(_GET, run=run)
    if row is None:
        raise NotFound("run", run, hint="`baton runs list` shows what there is.")
    wanted = [row.summary] if goal else [row.goal, row.summary]
    return _run(row, bodies.load(tx, wanted), tx.now, goal)


def status(tx: Transaction, run: RunId) -> str | None:
    """How a run stands, in a word; None if there is no such run."""
    known: str | None = tx.value(_STATUS, run=run)
    return known


def find(tx: Transaction, prefix: str) -> RunId:
    """The run whose id starts with `prefix`, with or without `run_`.

    Raises:
        NotFound, Ambiguous: if there is none, or several.
    """
    start = prefix if prefix.startswith("run_") else f"run_{prefix}"
    if status(tx, RunId(start)) is not None:
        return RunId(start)  # the usual case, without looking through all
    fits = tx.values(select(runs.c.id).where(runs.c.id.startswith(start, autoescape=True)).limit(5))
    if not fits:
        raise NotFound("run", prefix, hint="`baton runs list` shows what there is.")
    if len(fits) > 1:
        raise Ambiguous("run", prefix, fits)
    return RunId(fits[0])


def listed(
    tx: Transaction, *, statuses: Sequence[str] = (), agent: str | None = None, limit: int | None = None
) -> list[Run]:
    """Runs, newest first, filtered by any of `statuses` and by agent; None or empty is no filter."""
    query = select(runs).order_by(runs.c.created_at.desc(), runs.c.id).limit(limit)
    if statuses:
        query = query.where(runs.c.status.in_(statuses))
    if agent is not None:
        query = query.where(runs.c.agent == agent)
    return _runs(tx, tx.rows(query))


def lock_all(tx: Transaction, ids: Iterable[RunId]) -> dict[RunId, str]:
    """Hold the rows of runs until the transaction ends; their statuses, without runs that are not there."""
    return {RunId(row.id): row.status for row in tx.rows(_LOCK_ALL, ids=list(ids))}


def children(tx: Transaction, run: RunId) -> list[Run]:
    """The runs that this run handed work to, oldest first."""
    return _runs(tx, tx.rows(_CHILDREN, run=run))


def family(tx: Transaction, run: RunId) -> list[RunId]:
    """The ids of a run and of all that it handed work to, however deep, itself first."""
    found = [run]
    for member in found:
        found.extend(RunId(child) for child in tx.values(_CHILD_IDS, run=member))
    return found


class Mark(NamedTuple):
    """What differs once anything has happened to a run."""

    events: int
    wake: int
    seen: int
    status: str
    owner: str | None

    @property
    def resting(self) -> bool:
        """Whether the run has parked or ended."""
        return self.owner is None and (self.wake == self.seen or self.status in ENDED)


def marks(tx: Transaction, wanted: Collection[RunId]) -> dict[RunId, Mark]:
    """The marks of these runs, those that are not there left out."""
    ordered = sorted(wanted)
    found: dict[RunId, Mark] = {}
    for start in range(0, len(ordered), 500):
        rows = tx.rows(_MARKS, runs=ordered[start : start + 500])
        found.update((RunId(row[0]), Mark(*row[1:])) for row in rows)
    return found


def compensations(tx: Transaction, run: RunId) -> list[Run]:
    """The runs that undo what this run did, oldest first."""
    return _runs(tx, tx.rows(select(runs).where(runs.c.compensates == run).order_by(runs.c.created_at)))


def mark_compensation(tx: Transaction, run: RunId, of: RunId) -> None:
    """Make a run that has just been created one that undoes what another did."""
    tx.execute(update(runs).where(runs.c.id == run).values(compensates=of))


def wake(tx: Transaction, run: RunId, *, at_once: bool = False) -> None:
    """Have a run looked at; waking twice changes nothing. `at_once` ends a pause, as for a cancel."""
    tx.changed(_WAKE_NOW if at_once else _WAKE, run=run)
    tx.woken.add(run)


_AT_TOOL = select(
    exists().where(
        effects.c.run == bindparam("run"), effects.c.epoch == bindparam("epoch"), effects.c.state == "claimed"
    )
)
_CHILD_IDS = select(runs.c.id).where(runs.c.parent == bindparam("run")).order_by(runs.c.created_at)
_MARKS = select(runs.c.id, runs.c.events, runs.c.wake, runs.c.seen, runs.c.status, runs.c.lease_owner).where(
    runs.c.id.in_(bindparam("runs", expanding=True))
)
_WAKE = update(runs).where(runs.c.id == bindparam("run")).values(wake=runs.c.wake + 1)
_WAKE_NOW = _WAKE.values(not_before=0.0)
_EPOCH = select(runs.c.epoch).where(runs.c.id == bindparam("run"))
_LOCKED_EPOCH = _EPOCH.with_for_update()  # SQLite has one writer anyway
_LOCKED_EPOCHS = (
    select(runs.c.id, runs.c.epoch)
    .where(runs.c.id.in_(bindparam("runs", expanding=True)))
    .order_by(runs.c.id)
    .with_for_update()
)
_STATUS = select(runs.c.status).where(runs.c.id == bindparam("run"))
_LOCKED_STATUS = _STATUS.with_for_update()
_LOCK_ALL = (
    select(runs.c.id, runs.c.status)
    .where(runs.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(runs.c.id)  # always in one order: two that lock several cannot wait for each other
    .with_for_update()
)
_GET = select(runs).where(runs.c.id == bindparam("run"))


def lock(tx: Transaction, run: RunId) -> str | None:
    """Hold the run's row until the transaction ends; its status, None if there is no such run."""
    known: str | None = tx.value(_LOCKED_STATUS, run=run)
    return known


def ready(tx: Transaction, limit: int, at_hand: Mapping[str, str] | None = None) -> list[RunId]:
    """Runs that have something to look at and that nobody works on.

    Args:
        tx: The transaction.
        limit: How many at most.
        at_hand: Fingerprints of the agents at hand by name: only what they may advance; None is whatever is ready.
    """
    if at_hand is None:
        return [RunId(run) for run in tx.values(_READY, now=tx.now, most=limit)]
    return [RunId(run) for run in tx.values(_READY_HERE, now=tx.now, most=limit, **names(at_hand))]


def next_ready(tx: Transaction) -> float | None:
    """When the next run becomes ready by the clock alone (its lease expires, its pause ends); None if none will."""
    first: float | None = tx.value(_NEXT_READY, now=tx.now)
    return first


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
_READY = select(runs.c.id).where(is_ready).order_by(runs.c.not_before, runs.c.created_at).limit(bindparam("most"))
_IS_OURS = and_(
    runs.c.agent.in_(bindparam("agents", expanding=True)),
    or_(runs.c.pinned.is_(None), runs.c.pinned.in_(bindparam("prints", expanding=True))),
)
_IS_CANCELLED = exists().where(messages.c.run == runs.c.id, messages.c.kind == "cancel")  # anybody may end a run
fits_here = or_(_IS_OURS, _IS_CANCELLED)
"""Whether the code at hand may advance a run: `agents` by name, with the fingerprints `prints`."""
_READY_HERE = _READY.where(fits_here)
_CHILDREN = select(runs).where(runs.c.parent == bindparam("run")).order_by(runs.c.created_at)


def take_lease(
    tx: Transaction, run: RunId, owner: str, seconds: float, at_hand: Mapping[str, str] | None = None
) -> Lease | None:
    """Become the run's only writer. A lease that has run out in another worker's hands counts as a takeover.

    Args:
        tx: The transaction.
        run: The run.
        owner: Who takes it.
        seconds: How long it is kept without being renewed.
        at_hand: Fingerprints of the agents at hand by name; None takes whatever is ready. A run's first worker
            leaves its own with the run.

    Returns:
        None if somebody else is, there is nothing to look at, or the code at hand may not advance it.
    """
    tx.fenced.pop(run, None)
    last = tx.row(_HELD, run=run)
    if last is None:
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
    )


def names(at_hand: Mapping[str, str]) -> dict[str, list[str]]:
    """The values that `fits_here` is given."""
    return {"agents": list(at_hand), "prints": list(at_hand.values())}


def _note_takeover(tx: Transaction, run: RunId, owner: str, epoch: int, takeovers: int) -> None:
    emit(tx, run, "run.taken_over", owner=owner, epoch=epoch, takeovers=takeovers)


_HELD = select(runs.c.lease_owner, runs.c.epoch).where(runs.c.id == bindparam("run"))

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


def free_leases(tx: Transaction) -> int:
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


def trouble(tx: Transaction, run: RunId, said: str, fault: Fault) -> None:
    """Record what people are asked about; it stands until a park that finds the question answered."""
    tx.changed(_TROUBLE, run=run, said=said, fault=fault)


_TROUBLE = update(runs).where(runs.c.id == bindparam("run")).values(trouble=bindparam("said"), fault=bindparam("fault"))


def renew_lease(tx: Transaction, lease: Lease, seconds: float) -> None:
    """Keep the lease for `seconds` more.

    Raises:
        Superseded: if a newer epoch exists.
    """
    _guarded(tx, lease, lease_until=tx.now + seconds)


def fence(tx: Transaction, run: RunId, epoch: int) -> None:
    """Let a worker's write pass only while its epoch is the newest; nobody can raise it before this write is done.

    Raises:
        Superseded: if a newer one exists, or the run is gone.
    """
    if run not in tx.fenced:
        tx.fenced[run] = tx.value(_LOCKED_EPOCH, run=run)
    _check(run, epoch, tx.fenced[run])


def hold(tx: Transaction, wanted: Collection[RunId]) -> None:
    """Lock the rows of these runs, always in the same order: each `fence` of this transaction has its answer then."""
    if wanted:
        tx.fenced.update((RunId(row.id), row.epoch) for row in tx.rows(_LOCKED_EPOCHS, runs=sorted(wanted)))


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


def end(tx: Transaction, run: RunId, outcome: Outcome, summary: str, evidence: Sequence[str] = ()) -> None:
    """Record how a run ended. The caller has checked the fence and the mailbox."""
    said = {"outcome": outcome, "says": bodies.store(tx, summary), "shows": dump(list(evidence)), "at": tx.now}
    tx.changed(_END, run=run, **said)
    emit(tx, run, "run.ended", outcome=outcome)
    tx.rested.add(run)


_END = (
    update(runs)
    .where(runs.c.id == bindparam("run"))
    .values(
        status=bindparam("outcome"),
        summary=bindparam("says"),
        evidence=bindparam("shows"),
        ended_at=bindparam("at"),
        trouble=None,
        fault=None,
    )
)


def count_turn(tx: Transaction, run: RunId, prompt: int, completion: int) -> None:
    """Add one model call and its tokens to the run's use."""
    tx.changed(_COUNT, run=run, prompt=prompt, completion=completion)


_COUNT = (
    update(runs)
    .where(runs.c.id == bindparam("run"))
    .values(
        turns=runs.c.turns + 1,
        prompt_tokens=runs.c.prompt_tokens + bindparam("prompt"),
        completion_tokens=runs.c.completion_tokens + bindparam("completion"),
    )
)


def _guarded(tx: Transaction, lease: Lease, **values: Any) -> None:
    if not tx.changed(update(runs).where(runs.c.id == lease.run, runs.c.epoch == lease.epoch).values(**values)):
        fence(tx, lease.run, lease.epoch)


def _runs(tx: Transaction, rows: Sequence[Any]) -> list[Run]:
    texts = bodies.load(tx, [body for row in rows for body in (row.goal, row.summary)])
    return [_run(row, texts, tx.now) for row in rows]


def _run(row: Any, texts: dict[BodyId, str], now: float, goal: Goal | None = None) -> Run:
    return Run(
        id=RunId(row.id),
        agent=row.agent,
        key=row.key,
        conversation=row.conversation,
        parent=row.parent,
        parent_action=row.parent_action,
        goal=goal or GOAL.validate_json(texts[row.goal]),
        trust=Trust(row.trust),
        requester=row.requester,
        status=row.status,
        summary=texts[row.summary] if row.summary else "",
        evidence=tuple(json.loads(row.evidence)) if row.evidence else (),
        wake=row.wake,
        seen=row.seen,
        attempts=row.attempts,
        trouble=row.trouble,
        fault=Fault(row.fault) if row.fault else None,
        takeovers=row.takeovers,
        working=row.lease_until is not None and row.lease_until >= now,
        epoch=row.epoch,
        events=row.events,
        turns=row.turns,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        created_at=row.created_at,
        ended_at=row.ended_at,
        deadline=row.deadline,
        fingerprint=row.fingerprint,
        pinned=row.pinned,
        forked_from=row.forked_from,
        forked_at=row.forked_at,
        live=bool(row.live),
        compensates=row.compensates,
    )
