"""Waking the engine on Postgres: Procrastinate jobs that carry nothing, deferred in the transaction that causes them.

A job says only that something should be looked at. What there is to do stands in the record, so a job that is lost is
made again by the reconciler, and one too many finds nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import procrastinate
from procrastinate.jobs import Job
from sqlalchemy import Column, MetaData, String, Table, bindparam, exists, select, text

from baton.core import RunId
from baton.ledger.runs import is_ready
from baton.ledger.schema import runs
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

_app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())  # only defers, on connections of ours

_jobs = Table("procrastinate_jobs", MetaData(), Column("lock", String))


def schema() -> str:
    """The SQL that makes Procrastinate's tables in an empty database."""
    return _app.schema_manager.get_schema()


def queue_of(agent: str) -> str:
    """The queue of an agent's runs: a worker takes only those of the agents that it has."""
    return f"{QUEUE}.{agent}"


def defer(connection: Any, woken: Mapping[RunId, str], times: Collection[float]) -> None:
    """Have a worker look at runs, each with its agent, and at `times`; part of the psycopg connection's transaction."""
    jobs = [_job(ADVANCE, queue=queue_of(agent), lock=run) for run, agent in sorted(woken.items())]
    jobs += [_job(LOOK, queue=QUEUE, schedule_at=_moment(time)) for time in sorted(times)]
    _app.job_manager.batch_defer_jobs(jobs, connection)


def _moment(time: float) -> datetime:
    """A little after a time, as a worker knows the server's clock to a few milliseconds only."""
    return datetime.fromtimestamp(min(time + _SLACK, _LATEST), UTC)


def _job(task: str, **settings: Any) -> Job:
    """A job that says nothing; one for a later time has no lock, with which it would keep the run's others waiting."""
    return _app.configure_task(task, **settings).make_new_job()


def forgotten(tx: Transaction, agents: Sequence[str], limit: int) -> list[RunId]:
    """Runs of these agents that are ready and that no job will look at: a job was lost, or its worker died."""
    return [RunId(run) for run in tx.values(_FORGOTTEN, now=tx.now, agents=agents, most=limit)]


def workers(tx: Transaction) -> int:
    """How many workers have been heard of lately."""
    count: int = tx.value(_WORKERS, seconds=SILENT_SECONDS)
    return count


_WORKERS = text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => :seconds)"
)
_LIVE = exists().where(_jobs.c.lock == runs.c.id, text("procrastinate_jobs.status IN ('todo', 'doing')"))
_OURS = runs.c.agent.in_(bindparam("agents", expanding=True))
_FORGOTTEN = select(runs.c.id).where(is_ready, _OURS, ~_LIVE).order_by(runs.c.not_before).limit(bindparam("most"))
