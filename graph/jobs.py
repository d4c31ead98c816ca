"""The engine on Postgres: Procrastinate's workers, with a reaper and a reconciler beside each.

A job says only which run to look at (its lock). Jobs may be lost or doubled: what counts is in the record, and the
lease there, not the job's row, keeps a stale worker out.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

import procrastinate
import psycopg
from procrastinate.exceptions import ProcrastinateException

from baton.core import LedgerError, OffsetClock, RunId, logger
from baton.graph.advance import Advancer, worker_name
from baton.graph.alarms import fire_due
from baton.graph.fitting import look_again
from baton.graph.move import Office
from baton.ledger import at_work, wakes

POLL_SECONDS = 1.0
"""How often a worker asks for jobs that nobody told it of: those whose time has come, those whose lock is free."""

TEND_SECONDS = 2.0
"""How often each worker looks for what was lost: jobs of the dead, runs without a job, times that have come."""

MEASURE_SECONDS = 60.0
"""How often the server's clock is asked."""

FAREWELL_SECONDS = 3.0
"""How long a worker that ends tries to tell the server so."""

log = logger()


class JobEngine:
    """Advances runs as jobs of Procrastinate, beside any number of other workers on the same database.

    A job hands its run to a task of this engine and waits for it. When Procrastinate's worker has to begin anew, as
    after a lost connection, the tasks go on: a run is kept by its lease, and no long tool holds the others up.
    """

    def __init__(self, office: Office, *, concurrency: int = 32, standby: bool = False) -> None:
        """`standby` works only while no other worker is heard of, as one beside a file does."""
        self._office = office
        self._standby = standby
        self._concurrency = concurrency
        self._advancer = Advancer(office, worker_name())
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[asyncio.Task[None]] = set()
        self._looked: Mapping[str, str] = {}
        self.failure: LedgerError | None = None

    @property
    def leading(self) -> bool:
        """Whether this process works, rather than stands by."""
        return not self._standby

    async def start(self) -> None:
        """Begin to work, or to stand by."""
        if self._standby and await at_work(self._office.ledger) is not None:
            self._tasks = [asyncio.create_task(self._stand_by(), name="baton-stand-by")]
        else:
            self._begin()

    def _begin(self) -> None:
        self._standby = False
        self._tasks += [
            asyncio.create_task(self._kept_up(self._work), name="baton-work"),
            asyncio.create_task(self._kept_up(self._tend), name="baton-tend"),
        ]

    async def _stand_by(self) -> None:
        """Begin once the others have fallen silent."""
        while self._standby:
            await asyncio.sleep(TEND_SECONDS)
            with contextlib.suppress(LedgerError):  # whoever waits for the record is told by it
                if await at_work(self._office.ledger) is None:
                    self._begin()

    async def stop(self, grace: float = 0.0) -> None:
        """Take no more jobs; runs are given back between two steps, and after `grace` seconds cut off."""
        self._office.leaving.set()
        for task in self._tasks:
            task.cancel()
        if self._working and grace > 0:
            await asyncio.wait(self._working, timeout=grace)
        working = tuple(self._working)
        for task in working:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)
        for task in self._tasks:
            task.cancel()  # the server does not answer: nobody can be told that this worker is gone
        if self._tasks or working:
            await asyncio.wait([*self._tasks, *working], timeout=FAREWELL_SECONDS)

    async def _kept_up(self, work: Callable[[procrastinate.App], Awaitable[None]]) -> None:
        """Do one part of the engine's work until it is to end, on a connection made anew whenever it was lost."""
        database = self._office.ledger.database
        while not self._office.leaving.is_set():
            try:
                await self._office.ledger.version()  # says what is wrong, which Procrastinate would not
                connector = procrastinate.PsycopgConnector(
                    conninfo=database.url, kwargs=wakes.CONNECTING, min_size=1, max_size=4
                )
                app = procrastinate.App(connector=connector)
                try:
                    await app.open_async()
                    await work(app)
                finally:
                    await app.close_async()  # also where it was cut off while it opened: its pool takes no cancellation
            except LedgerError as error:
                self._failed(error)
            except (ProcrastinateException, psycopg.Error) as error:  # whether the ledger can be used is asked next
                log.warning("the worker lost its place; it begins anew", error=str(error.__cause__ or error))
            except Exception as error:
                log.error("the engine stumbled; it starts again", exc_info=error)
            await asyncio.sleep(POLL_SECONDS)

    async def _work(self, app: procrastinate.App) -> None:
        """Take jobs until the connection is lost, or this worker was taken for dead."""

        @app.task(name=wakes.ADVANCE, pass_context=True)
        async def advance(context: procrastinate.JobContext) -> None:
            await self._take(RunId(context.job.lock or ""))

        # A worker looks after its heartbeat and its listener only for as long as it has something periodic to do.
        @app.periodic(cron="*/10 * * * *")
        @app.task(name=wakes.LOOK, queue=wakes.QUEUE)
        async def look(timestamp: int = 0) -> None:
            with contextlib.suppress(LedgerError):  # the next round sees to it, and says why
                await self._look()

        await app.run_worker_async(
            queues=[wakes.QUEUE, *(wakes.queue_of(name) for name in self._office.team.members)],
            concurrency=self._concurrency,
            fetch_job_polling_interval=POLL_SECONDS,
            shutdown_graceful_timeout=0.0,
            update_heartbeat_interval=wakes.HEARTBEAT_SECONDS,
            stalled_worker_timeout=wakes.SILENT_SECONDS,
            delete_jobs="always",
            install_signal_handlers=False,
        )

    async def _take(self, run: RunId) -> None:
        """Have a run advanced, and wait for it; when the wait is cut off, the work goes on."""
        ledger = self._office.ledger
        if self._office.leaving.is_set():
            await ledger.write(lambda tx: tx.woken.add(run))  # fetched at the last moment: a job for somebody else
            return
        task = asyncio.create_task(self._advance(run), name=f"baton-{run}")
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        await asyncio.shield(task)

    async def _advance(self, run: RunId) -> None:
        """Advance a run for as long as there is something to look at: what came meanwhile needs no other job."""
        try:
            while await self._advancer.advance(run):
                pass
        except LedgerError as error:
            # The lease runs out, and the reconciler finds the run.
            log.warning("run dropped: the ledger failed", run=run, error=str(error))

    async def _tend(self, app: procrastinate.App) -> None:
        """Look for what was lost, each time a little after the last."""
        measured = asyncio.get_running_loop().time()
        while True:
            await self._look()
            await self._reap(app)
            self.failure = None
            clock = self._office.ledger.clock
            if isinstance(clock, OffsetClock) and asyncio.get_running_loop().time() > measured + MEASURE_SECONDS:
                await asyncio.to_thread(clock.measure)
                measured = asyncio.get_running_loop().time()
            await asyncio.sleep(TEND_SECONDS)

    async def _look(self) -> None:
        """Do what is due, and rouse the runs that are ready and that no job will look at."""
        ledger, at_hand, limited = self._office.ledger, self._office.team.at_hand, self._office.team.limited
        if at_hand != self._looked:
            await look_again(self._office)
            self._looked = at_hand
        while await fire_due(ledger):
            pass
        await ledger.write(lambda tx: wakes.rouse(tx, at_hand, 1000, limited=limited))

    async def _reap(self, app: procrastinate.App) -> None:
        """Give the jobs of workers that have fallen silent to others."""
        jobs = app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=wakes.SILENT_SECONDS):
            with contextlib.suppress(ProcrastinateException):  # another reaper was faster
                await jobs.retry_job(job)
                log.warning("a worker has died; its job goes to another", run=job.lock)
        await jobs.prune_stalled_workers(wakes.SILENT_SECONDS)

    def _failed(self, error: LedgerError) -> None:
        if str(error) != str(self.failure):
            log.error("the ledger cannot be used; trying again", error=str(error))
        self.failure = error
