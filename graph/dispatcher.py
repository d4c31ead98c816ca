"""The embedded engine: one process dispatches the runs of a database, others may submit and decide."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Hashable, Mapping

from baton.core import LedgerError, RunId, logger
from baton.graph.advance import Advancer, worker_name
from baton.graph.alarms import fire_due
from baton.graph.fitting import look_again
from baton.graph.move import Office
from baton.ledger import DispatchLock, News, Transaction, leases, timers
from baton.ledger.shares import Shares

POLL_SECONDS = 0.1
"""How often the database is asked whether another process has written to it."""

SHORTEST_SECONDS = 0.005
"""How long is waited at least for a time that is about to come."""

RETRY_SECONDS = 1.0
"""How long the dispatcher waits after the ledger failed."""

log = logger()


class Dispatcher:
    """Advances whatever is ready, several runs at once, while this process holds the dispatch lock.

    Wakes are level-triggered: a run is ready while its row says `wake > seen`, so a lost wake is found again and a
    doubled one changes nothing.
    """

    def __init__(self, office: Office, *, concurrency: int = 32, weights: Mapping[str, float] | None = None) -> None:
        """`weights` are the shares of tenants; who is not named has 1."""
        self._office = office
        self._shares = Shares(weights)
        self._concurrency = concurrency
        self._advancer = Advancer(office, worker_name())
        self._changed = asyncio.Event()
        self._working: dict[RunId, asyncio.Task[None]] = {}
        path = office.ledger.database.path
        assert path is not None, "a file's engine"
        self._lock = DispatchLock(path)
        self._loop: asyncio.Task[None] | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self._looked: dict[str, str] = {}  # the code for which stopped runs were looked at
        self.failure: LedgerError | None = None

    @property
    def leading(self) -> bool:
        """Whether this process dispatches."""
        return self._lock.held

    async def start(self) -> None:
        """Begin to dispatch, or to wait for the process that does to end; `leading` says at once which."""
        self._lock.take()
        self._unlisten = self._office.ledger.listen(self._hear)
        self._loop = asyncio.create_task(self._serve(), name="baton-dispatch")

    async def stop(self, grace: float = 0.0) -> None:
        """Begin no new run; those at work are given back between two steps, and after `grace` seconds cut off."""
        self._unlisten()
        self._office.leaving.set()
        if self._loop is not None:
            self._loop.cancel()
        working = tuple(self._working.values())
        if working and grace > 0:
            await asyncio.wait(working, timeout=grace)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, *filter(None, [self._loop]), return_exceptions=True)
        self._working.clear()
        self._lock.release()

    def _hear(self, news: News) -> None:
        if news.woken or news.times:
            self._changed.set()

    async def _serve(self) -> None:
        while not self._lock.take():  # noqa: ASYNC110 - another process holds it: nobody can tell us
            await asyncio.sleep(POLL_SECONDS)
        ledger, alone = self._office.ledger, False
        while True:
            self._changed.clear()
            try:
                if not alone:
                    await ledger.write(leases.free_all)  # their holders died: this process alone has the lock
                    alone = True
                version = await ledger.version()
                next_time = await self._dispatch()
                self.failure = None
                await self._sleep(version, next_time)
            except LedgerError as error:
                self._failed(error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _dispatch(self) -> float | None:
        """Begin what is ready; when to look again by the clock, None if no time is set."""
        ledger, at_hand = self._office.ledger, self._office.team.at_hand
        if at_hand != self._looked:
            await look_again(self._office)
            self._looked = at_hand
        if await fire_due(ledger):
            self._changed.set()
        limit = self._concurrency + len(self._working)
        limited = self._office.team.limited
        ready, next_time = await ledger.read(
            lambda tx: (leases.ready(tx, limit, at_hand, limited=limited), _next_time(tx))
        )
        queues = {tenant: deque(run for run in found if run not in self._working) for tenant, found in ready.items()}
        while len(self._working) < self._concurrency:
            tenant = self._shares.next((name for name, queue in queues.items() if queue), self._concurrency, _now())
            if tenant is None:
                break
            run = queues[tenant].popleft()
            self._shares.began(tenant)
            self._working[run] = asyncio.create_task(self._advance(run, tenant), name=f"baton-{run}")
        return next_time

    async def _advance(self, run: RunId, tenant: str) -> None:
        began = _now()
        try:
            await self._advancer.advance(run)
        except LedgerError as error:
            self._failed(error)
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            del self._working[run]
            self._shares.ended(tenant, _now() - began)
            self._changed.set()

    def _failed(self, error: LedgerError) -> None:
        if str(error) != str(self.failure):
            log.error("the ledger cannot be used; trying again", error=str(error))
        self.failure = error

    async def _sleep(self, version: Hashable, until: float | None) -> None:
        """Until something was written here, another process has written, or a time has come."""
        ledger = self._office.ledger
        while not self._changed.is_set():
            left = POLL_SECONDS if until is None else until - ledger.clock.now()
            pause = max(left, SHORTEST_SECONDS) if 0 < left < POLL_SECONDS else POLL_SECONDS
            with contextlib.suppress(TimeoutError):  # not wait_for, which loses a cancellation that comes with the news
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            late = until is not None and ledger.clock.now() >= until
            if late or await ledger.version() != version:
                return


def _now() -> float:
    return asyncio.get_running_loop().time()


def _next_time(tx: Transaction) -> float | None:
    times = [time for time in (timers.next_due(tx), leases.next_ready(tx)) if time is not None]
    return min(times, default=None)
