"""Runs: their life from submission to end, their lease, and the fence that keeps a stale worker out."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, and_, bindparam, insert, or_, select, update

from baton.core import (
    GOAL,
    LOCAL_TENANT,
    Ambiguous,
    BodyId,
    Confidentiality,
    Conflict,
    Fault,
    Goal,
    NotFound,
    RunId,
    Trust,
    dump,
    random_id,
)
from baton.ledger import bodies, timers
from baton.ledger.events import emit, emit_numbered
from baton.ledger.locks import lock_name
from baton.ledger.schema import runs
from baton.ledger.transaction import Transaction

Status = Literal["ready", "waiting", "done", "refused", "failed", "cancelled"]
Outcome = Literal["done", "refused", "failed", "cancelled"]
_OF_TENANT = "\x1f"
"""Between a tenant and the keys under which it submits; each has its own."""
PRIORITY_SECONDS = 600.0
"""Seconds by which a run is begun earlier for each step of its goal's priority."""

ENDED: frozenset[str] = frozenset({"done", "refused", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True)
class Run:
    """One agent at work on one goal.

    Attributes:
        trust: Of the goal's statement: a person's, or lower for work that an agent handed over.
        confidentiality: Of the goal's statement.
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
    confidentiality: Confidentiality
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
    tenant: str

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


def create(
    tx: Transaction,
    goal: Goal,
    agent: str,
    *,
    id: RunId | None = None,
    key: str | None = None,
    conversation: str | None = None,
    trust: Trust = Trust.USER,
    confidentiality: Confidentiality = Confidentiality.INTERNAL,
    parent: RunId | None = None,
    parent_action: str | None = None,
    live: bool = True,
    tenant: str = "local",
) -> tuple[RunId, bool]:
    """Record a new run of a tenant, ready to go; with a `key` that is known, find that run instead.

    Returns:
        Its id, and whether it is new.

    Raises:
        Conflict: if the key is known for another agent.
    """
    kept = key if key is None or tenant == LOCAL_TENANT else f"{tenant}{_OF_TENANT}{key}"
    if kept is not None:
        lock_name(tx, f"submit {kept}")
        known = tx.row(select(runs.c.id, runs.c.agent, runs.c.tenant).where(runs.c.key == kept))
        if known is not None:
            if known.agent != agent or known.tenant != tenant:
                raise Conflict(f"submit with key {key!r}", f"{known.id} has it, for agent {known.agent!r}")
            return RunId(known.id), False
    run, deadline = id or RunId(random_id("run")), goal.due(tx.now)
    row = _FRESH | {
        "id": run,
        "agent": agent,
        "key": kept,
        "conversation": conversation or run,
        "parent": parent,
        "parent_action": parent_action,
        "goal": bodies.store(tx, GOAL.dump_json(goal).decode()),
        "trust": int(trust),
        "confidentiality": int(confidentiality),
        "requester": goal.requester,
        "live": int(live),
        "created_at": tx.now,
        "deadline": deadline,
        "tenant": tenant,
        "rank": _rank(tx, goal, parent),
    }
    tx.execute(_CREATE, row)
    tx.woken.add(run)
    if deadline is not None:
        timers.start(tx, run, deadline, "goal")
    emit_numbered(tx, "run.submitted", [(run, 1, {"agent": agent, "parent": parent})])
    return run, True


def _rank(tx: Transaction, goal: Goal, parent: RunId | None) -> float:
    """When a run is begun among others: a step of priority is as good as having waited so long."""
    if parent is not None:  # what was begun is ended first
        return float(tx.value(_RANK, run=parent) or tx.now)
    return tx.now - goal.priority * PRIORITY_SECONDS


_CREATE = insert(runs)
_RANK = select(runs.c.rank).where(runs.c.id == bindparam("run"))
_COUNTERS = ("seen", "attempts", "epoch", "turns", "prompt_tokens", "completion_tokens")
_FRESH = {"status": "ready", "wake": 1, "events": 1, "not_before": 0.0} | dict.fromkeys(_COUNTERS, 0)


def get(tx: Transaction, run: RunId, goal: Goal | None = None) -> Run:
    """The run with this id; its goal never changes, and is not read where it is given.

    Raises:
        NotFound: if there is none.
    """
    row = tx.row(_GET, run=run)
    if row is None or not tx.sees(row.tenant):
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
    known = tx.row(_WHOSE, run=start)
    if known is not None and tx.sees(known.tenant):
        return RunId(start)  # the usual case, without looking through all
    fits = tx.values(of_tenant(tx, select(runs.c.id).where(runs.c.id.startswith(start, autoescape=True)).limit(5)))
    if not fits:
        raise NotFound("run", prefix, hint="`baton runs list` shows what there is.")
    if len(fits) > 1:
        raise Ambiguous("run", prefix, fits)
    return RunId(fits[0])


def listed(
    tx: Transaction,
    *,
    statuses: Sequence[str] = (),
    agent: str | None = None,
    requester: str | None = None,
    limit: int | None = None,
    after: RunId | None = None,
) -> list[Run]:
    """Runs, newest first, filtered by any of `statuses`, by agent and by who asked; None or empty is no filter.

    Of somebody's, those that handed on their work alone. `after` is the last one of the page before; None begins with
    the newest.
    """
    query = select(runs).order_by(runs.c.created_at.desc(), runs.c.id).limit(limit)
    if after is not None:
        made = get(tx, after).created_at
        query = query.where(or_(runs.c.created_at < made, and_(runs.c.created_at == made, runs.c.id > after)))
    if statuses:
        query = query.where(runs.c.status.in_(statuses))
    if agent is not None:
        query = query.where(runs.c.agent == agent)
    if requester is not None:
        query = query.where(runs.c.requester == requester, runs.c.parent.is_(None))
    return of_rows(tx, tx.rows(of_tenant(tx, query)))


def of_tenant(tx: Transaction, query: Select[Any]) -> Select[Any]:
    """A query on runs, for what the transaction sees of them."""
    return query if tx.tenant is None else query.where(runs.c.tenant == tx.tenant)


def tenants(tx: Transaction, wanted: Collection[RunId]) -> dict[RunId, str]:
    """Whose these runs are, those that are not there left out."""
    return {RunId(row.id): row.tenant for row in tx.rows(_TENANTS, runs=list(wanted))}


def lock_all(tx: Transaction, ids: Iterable[RunId]) -> dict[RunId, str]:
    """Hold the rows of runs until the transaction ends; their statuses, without runs that are not there."""
    return {RunId(row.id): row.status for row in tx.rows(_LOCK_ALL, ids=list(ids))}


def children(tx: Transaction, run: RunId) -> list[Run]:
    """The runs that this run handed work to, oldest first."""
    return of_rows(tx, tx.rows(_CHILDREN, run=run))


def open_children(tx: Transaction, run: RunId) -> list[RunId]:
    """The ids of the runs that this run handed work to and that have not ended, oldest first."""
    return [RunId(child) for child in tx.values(_OPEN_CHILDREN, run=run)]


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
    return of_rows(tx, tx.rows(select(runs).where(runs.c.compensates == run).order_by(runs.c.created_at)))


def mark_compensation(tx: Transaction, run: RunId, of: RunId) -> None:
    """Make a run that has just been created one that undoes what another did."""
    tx.execute(update(runs).where(runs.c.id == run).values(compensates=of))


def wake(tx: Transaction, run: RunId, *, at_once: bool = False) -> None:
    """Have a run looked at; waking twice changes nothing. `at_once` ends a pause, as for a cancel."""
    tx.changed(_WAKE_NOW if at_once else _WAKE, run=run)
    tx.woken.add(run)


_OPEN_CHILDREN = (
    select(runs.c.id)
    .where(runs.c.parent == bindparam("run"), runs.c.status.not_in(sorted(ENDED)))
    .order_by(runs.c.created_at)
)
_MARKS = select(runs.c.id, runs.c.events, runs.c.wake, runs.c.seen, runs.c.status, runs.c.lease_owner).where(
    runs.c.id.in_(bindparam("runs", expanding=True))
)
_WAKE = update(runs).where(runs.c.id == bindparam("run")).values(wake=runs.c.wake + 1)
_WAKE_NOW = _WAKE.values(not_before=0.0)
_WHOSE = select(runs.c.tenant).where(runs.c.id == bindparam("run"))
_TENANTS = select(runs.c.id, runs.c.tenant).where(runs.c.id.in_(bindparam("runs", expanding=True)))
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


_CHILDREN = select(runs).where(runs.c.parent == bindparam("run")).order_by(runs.c.created_at)


def trouble(tx: Transaction, run: RunId, said: str, fault: Fault) -> None:
    """Record what people are asked about; it stands until a park that finds the question answered."""
    tx.changed(_TROUBLE, run=run, said=said, fault=fault)


_TROUBLE = update(runs).where(runs.c.id == bindparam("run")).values(trouble=bindparam("said"), fault=bindparam("fault"))


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


def of_rows(tx: Transaction, rows: Sequence[Any]) -> list[Run]:
    """Runs of rows of their table."""
    texts = bodies.load(tx, [body for row in rows for body in (row.goal, row.summary)])
    return [_run(row, texts, tx.now) for row in rows]


def _run(row: Any, texts: dict[BodyId, str], now: float, goal: Goal | None = None) -> Run:
    return Run(
        id=RunId(row.id),
        agent=row.agent,
        key=row.key and row.key.rpartition(_OF_TENANT)[2],
        conversation=row.conversation,
        parent=row.parent,
        parent_action=row.parent_action,
        goal=goal or GOAL.validate_json(texts[row.goal]),
        trust=Trust(row.trust),
        confidentiality=Confidentiality(row.confidentiality),
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
        working=row.lease_owner is not None and row.lease_until >= now,
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
        tenant=row.tenant,
    )
