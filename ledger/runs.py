"""Runs: their life from submission to end, their lease, and the fence that keeps a stale worker out."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, bindparam, case, exists, func, insert, select, update

from baton.core import (
    GOAL,
    Ambiguous,
    BodyId,
    Conflict,
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
from baton.ledger.schema import effects, runs
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
        trouble: What the last failed advance said; None when it went well.
        working: Whether a worker holds its lease now.
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
    working: bool
    epoch: int
    events: int
    turns: int
    prompt_tokens: int
    completion_tokens: int
    created_at: float
    ended_at: float | None
    deadline: float | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


@dataclass(frozen=True)
class Lease:
    """The right to write for a run, until a newer epoch exists.

    Attributes:
        wake: The run's `wake` when the lease was taken: what `seen` becomes once the work is done.
    """

    run: RunId
    owner: str
    epoch: int
    wake: int


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
    run = id or RunId(random_id("run"))
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
            status="ready",
            created_at=tx.now,
            deadline=tx.now + goal.deadline.total_seconds() if goal.deadline else None,
        )
    )
    tx.woken.add(run)
    if goal.deadline is not None:
        timers.start(tx, run, tx.now + goal.deadline.total_seconds(), "goal")
    emit(tx, run, "run.submitted", agent=agent, parent=parent)
    return run, True


def get(tx: Transaction, run: RunId) -> Run:
    """The run with this id.

    Raises:
        NotFound: if there is none.
    """
    row = tx.row(_GET, run=run)
    if row is None:
        raise NotFound("run", run, hint="`baton runs list` shows what there is.")
    return _runs(tx, [row])[0]


def find(tx: Transaction, prefix: str) -> RunId:
    """The run whose id starts with `prefix`, with or without `run_`.

    Raises:
        NotFound, Ambiguous: if there is none, or several.
    """
    start = prefix if prefix.startswith("run_") else f"run_{prefix}"
    fits = tx.values(select(runs.c.id).where(runs.c.id.startswith(start, autoescape=True)).limit(5))
    if not fits:
        raise NotFound("run", prefix, hint="`baton runs list` shows what there is.")
    if len(fits) > 1 and start not in fits:
        raise Ambiguous("run", prefix, fits)
    return RunId(start if start in fits else fits[0])


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


def children(tx: Transaction, run: RunId) -> list[Run]:
    """The runs that this run handed work to, oldest first."""
    return _runs(tx, tx.rows(_CHILDREN, run=run))


def wake(tx: Transaction, run: RunId) -> None:
    """Have a run looked at; waking twice changes nothing."""
    tx.changed(_WAKE, run=run)
    tx.woken.add(run)


_AT_TOOL = select(
    exists().where(
        effects.c.run == bindparam("run"), effects.c.epoch == bindparam("epoch"), effects.c.state == "claimed"
    )
)
_WOKEN = select(runs.c.wake).where(runs.c.id == bindparam("run"))
_WAKE = update(runs).where(runs.c.id == bindparam("run")).values(wake=runs.c.wake + 1)
_EPOCH = select(runs.c.epoch).where(runs.c.id == bindparam("run"))
_LOCKED_EPOCH = _EPOCH.with_for_update()  # SQLite has one writer anyway
_LOCKED_EPOCHS = (
    select(runs.c.id, runs.c.epoch)
    .where(runs.c.id.in_(bindparam("runs", expanding=True)))
    .order_by(runs.c.id)
    .with_for_update()
)
_STATUS = select(runs.c.status).where(runs.c.id == bindparam("run")).with_for_update()
_GET = select(runs).where(runs.c.id == bindparam("run"))


def lock(tx: Transaction, run: RunId) -> str | None:
    """Hold the run's row until the transaction ends; its status, None if there is no such run."""
    status: str | None = tx.value(_STATUS, run=run)
    return status


def ready(tx: Transaction, limit: int) -> list[RunId]:
    """Runs that have something to look at and that nobody works on."""
    return [RunId(run) for run in tx.values(_READY, now=tx.now, most=limit)]


def next_ready(tx: Transaction) -> float | None:
    """When the next run becomes ready by the clock alone (its lease expires, its pause ends); None if none will."""
    first: float | None = tx.value(_NEXT_READY, now=tx.now)
    return first


_LEASED = func.coalesce(runs.c.lease_until, 0.0)
_SOONEST = case((runs.c.not_before > _LEASED, runs.c.not_before), else_=_LEASED)
_NEXT_READY = select(func.min(_SOONEST)).where(runs.c.wake > runs.c.seen, _SOONEST > bindparam("now"))
is_ready = and_(runs.c.wake > runs.c.seen, runs.c.not_before <= bindparam("now"), _LEASED < bindparam("now"))
"""Whether a run has something to look at and nobody works on it, at the time `now`."""
_READY = select(runs.c.id).where(is_ready).order_by(runs.c.not_before, runs.c.created_at).limit(bindparam("most"))
_CHILDREN = select(runs).where(runs.c.parent == bindparam("run")).order_by(runs.c.created_at)


def take_lease(tx: Transaction, run: RunId, owner: str, seconds: float) -> Lease | None:
    """Become the run's only writer; None if somebody else is, or there is nothing to look at."""
    tx.fenced.pop(run, None)
    row = tx.row(_TAKE, run=run, now=tx.now, owner=owner, until=tx.now + seconds)
    if row is None:
        return None
    tx.fenced[run] = row.epoch  # an older holder's write in this very transaction is refused from here on
    return Lease(run, owner, row.epoch, row.wake)


_AT_WORK = case((runs.c.status.in_(ENDED), runs.c.status), else_="ready")  # its worker may have died as it ended
_TAKE = (
    update(runs)
    .where(runs.c.id == bindparam("run"), is_ready)
    .values(lease_owner=bindparam("owner"), lease_until=bindparam("until"), epoch=runs.c.epoch + 1, status=_AT_WORK)
    .returning(runs.c.epoch, runs.c.wake)
)


def free_leases(tx: Transaction) -> int:
    """Take every lease away: for a process that knows it is the only one to dispatch; how many there were.

    What their holders might still write is refused once a run is leased anew.
    """
    return tx.changed(update(runs).where(runs.c.lease_owner.is_not(None)).values(lease_owner=None, lease_until=None))


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
    """Give the lease back after a good advance: what it had seen is seen."""
    status = tx.value(select(runs.c.status).where(runs.c.id == lease.run))
    values: dict[str, Any] = {} if status in ENDED else {"status": "waiting"}
    _guarded(tx, lease, seen=lease.wake, lease_owner=None, lease_until=None, attempts=0, trouble=None, **values)
    if tx.value(_WOKEN, run=lease.run) > lease.wake:
        tx.woken.add(lease.run)  # something came while it was at work
    tx.noted.add(lease.run)


def hand_back(tx: Transaction, lease: Lease) -> None:
    """Give the lease back in the middle of the work: another worker goes on where the last step ended.

    While a tool that this worker has called is still at work, the lease is left to run out: nobody may ask the world
    whether it happened before it had the time to.
    """
    if tx.value(_AT_TOOL, run=lease.run, epoch=lease.epoch):
        return
    _guarded(tx, lease, lease_owner=None, lease_until=None)
    tx.woken.add(lease.run)


def pause(tx: Transaction, lease: Lease, trouble: str, seconds: float) -> None:
    """Give the lease back after an advance that failed: it is tried again after `seconds`."""
    _guarded(
        tx,
        lease,
        lease_owner=None,
        lease_until=None,
        not_before=tx.now + seconds,
        attempts=runs.c.attempts + 1,
        trouble=storable(trouble),
    )
    emit(tx, lease.run, "run.troubled", trouble=trouble, again_in=seconds)
    tx.times.add(tx.now + seconds)


def end(tx: Transaction, run: RunId, outcome: Outcome, summary: str, evidence: Sequence[str] = ()) -> None:
    """Record how a run ended. The caller has checked the fence and the mailbox."""
    tx.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(status=outcome, summary=bodies.store(tx, summary), evidence=dump(list(evidence)), ended_at=tx.now)
    )
    emit(tx, run, "run.ended", outcome=outcome)


def count_turn(tx: Transaction, run: RunId, prompt: int, completion: int) -> None:
    """Add one model call and its tokens to the run's use."""
    tx.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(
            turns=runs.c.turns + 1,
            prompt_tokens=runs.c.prompt_tokens + prompt,
            completion_tokens=runs.c.completion_tokens + completion,
        )
    )


def _guarded(tx: Transaction, lease: Lease, **values: Any) -> None:
    if not tx.changed(update(runs).where(runs.c.id == lease.run, runs.c.epoch == lease.epoch).values(**values)):
        fence(tx, lease.run, lease.epoch)


def _runs(tx: Transaction, rows: Sequence[Any]) -> list[Run]:
    texts = bodies.load(tx, [body for row in rows for body in (row.goal, row.summary)])
    return [_run(row, texts, tx.now) for row in rows]


def _run(row: Any, texts: dict[BodyId, str], now: float) -> Run:
    return Run(
        id=RunId(row.id),
        agent=row.agent,
        key=row.key,
        conversation=row.conversation,
        parent=row.parent,
        parent_action=row.parent_action,
        goal=GOAL.validate_json(texts[row.goal]),
        trust=Trust(row.trust),
        requester=row.requester,
        status=row.status,
        summary=texts[row.summary] if row.summary else "",
        evidence=tuple(json.loads(row.evidence)) if row.evidence else (),
        wake=row.wake,
        seen=row.seen,
        attempts=row.attempts,
        trouble=row.trouble,
        working=row.lease_until is not None and row.lease_until >= now,
        epoch=row.epoch,
        events=row.events,
        turns=row.turns,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        created_at=row.created_at,
        ended_at=row.ended_at,
        deadline=row.deadline,
    )
