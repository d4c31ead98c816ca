"""Waking the engine on Postgres: Procrastinate jobs that carry nothing, deferred in the transaction that causes them.

A job says only that something should be looked at. What there is to do stands in the record, so a job that is lost is
made again by the reconciler, and one too many finds nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import procrastinate
from procrastinate.jobs import Job
from sqlalchemy import Column, MetaData, String, Table, and_, bindparam, exists, or_, select, text

from baton.core import RunId
from baton.ledger import at_once
from baton.ledger.leases import fits_here, is_ready, names
from baton.ledger.schema import runs
from baton.ledger.shares import Places
from baton.ledger.transaction import Transaction

ADVANCE = "baton.advance"
"""Task: advance the run that the job's lock names."""

LOOK = "baton.look"
"""Task: a time has come; do what is due."""

QUEUE = "baton"

HEARTBEAT_SECONDS = 2.0
"""How often a worker says that it is alive."""

SILENT_SECONDS = 10.0
"""After how long a worker that says nothing is taken for dead, and its jobs for nobody's."""

CONNECTING = {
    "application_name": "baton",
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How to connect: a connection that died in silence is noticed within half a minute."""

_SLACK = 0.02
_LATEST = 32_503_680_000.0  # the year 3000: later times are found by whoever looks then

_STEPS = 100
"""Whole numbers, as which a job's place is kept, between two places of a tenant that weighs 1."""

_FIRST_PLACE = (
    "SELECT priority FROM procrastinate_jobs WHERE status = 'todo' AND lock IS NOT NULL"
    " ORDER BY priority DESC, id LIMIT 1"
)

_app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())  # only defers, on connections of ours

_jobs = Table("procrastinate_jobs", MetaData(), Column("lock", String), Column("queue_name", String))


def schema() -> str:
    """The SQL that makes Procrastinate's tables in an empty database."""
    return _app.schema_manager.get_schema()


def queue_of(agent: str) -> str:
    """The queue of an agent's runs: a worker takes only those of the agents that it has."""
    return f"{QUEUE}.{agent}"


@dataclass(frozen=True)
class Woken:
    """A run that is to be looked at."""

    run: RunId
    agent: str
    tenant: str
    priority: int


def defer(connection: Any, woken: Iterable[Woken], times: Collection[float], places: Places) -> None:
    """Have a worker look at runs, and at `times`; part of the psycopg connection's transaction."""
    found = sorted(woken, key=lambda one: one.run)
    given = places.take(_first_place(connection), [(one.tenant, one.priority) for one in found]) if found else []
    jobs = [
        _job(ADVANCE, queue=queue_of(one.agent), lock=one.run, priority=-round(place * _STEPS))
        for one, place in zip(found, given, strict=True)
    ]
    jobs += [_job(LOOK, queue=QUEUE, schedule_at=_moment(time)) for time in sorted(times)]
    _app.job_manager.batch_defer_jobs(jobs, connection)


def _first_place(connection: Any) -> float | None:
    """The place of the job that is served next; None where none waits."""
    row = connection.execute(_FIRST_PLACE).fetchone()
    return None if row is None else -row[0] / _STEPS


def _moment(time: float) -> datetime:
    """A little after a time, as a worker knows the server's clock to a few milliseconds only."""
    return datetime.fromtimestamp(min(time + _SLACK, _LATEST), UTC)


def _job(task: str, **settings: Any) -> Job:
    """A job that says nothing; one for a later time has no lock, with which it would keep the run's others waiting."""
    return _app.configure_task(task, **settings).make_new_job()


def rouse(tx: Transaction, at_hand: Mapping[str, str], limit: int, *, limited: bool = False) -> int:
    """Make jobs for runs that are ready and that none will look at: it was lost, or its worker died; how many.

    Args:
        tx: The transaction.
        at_hand: Fingerprints of the agents at hand by name. A run of another agent is roused only to be cancelled,
            and then whoever is first may do that.
        limit: How many at most.
        limited: Whether agents or tenants may have so many runs at work; those that have as many are passed over.
    """
    full = at_once.full(tx) if limited else at_once.Full()
    at_hand = at_once.without(at_hand, full)
    found = tx.rows(_FORGOTTEN, now=tx.now, most=limit, **names(at_hand))
    found = [row for row in found if row.tenant not in full.tenants]
    if found:
        queues = {row.id: queue_of(row.agent) if row.agent in at_hand else QUEUE for row in found}
        jobs = [_job(ADVANCE, queue=queue, lock=run) for run, queue in queues.items()]
        _app.job_manager.batch_defer_jobs(jobs, tx.connection.connection.driver_connection)
    return len(found)


def workers(tx: Transaction) -> int:
    """How many workers have been heard of lately."""
    count: int = tx.value(_WORKERS, seconds=SILENT_SECONDS)
    return count


_WORKERS = text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :seconds)"
)
_OURS = or_(_jobs.c.queue_name == QUEUE, runs.c.agent.in_(bindparam("agents", expanding=True)))
_LIVE = exists().where(
    _jobs.c.lock == runs.c.id,
    or_(text("procrastinate_jobs.status = 'doing'"), and_(text("procrastinate_jobs.status = 'todo'"), _OURS)),
)
_FORGOTTEN = (
    select(runs.c.id, runs.c.agent, runs.c.tenant)
    .where(is_ready, fits_here, ~_LIVE)
    .order_by(runs.c.not_before)
    .limit(bindparam("most"))
)
