"""Advancing one run: take its lease, invoke its graph until it parks or ends, give the lease back."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator
from typing import Any

from langchain_core.runnables import RunnableConfig

from baton.core import (
    BatonError,
    HandedBack,
    LedgerError,
    MailArrived,
    ModelRefused,
    ModelUnavailable,
    RunId,
    Superseded,
    logger,
    random_id,
)
from baton.graph.hold import Hold
from baton.graph.loop import build
from baton.graph.move import Office
from baton.graph.saver import HOLD, LedgerSaver
from baton.graph.state import Place
from baton.graph.trouble import open_trouble
from baton.ledger import Lease, Transaction, runs

LEASE_SECONDS = 30.0
"""How long a worker that stopped renewing keeps its run."""

TRIES = 4
"""Advances in a row that may fail before people are asked."""

_STEPS = 1_000_000  # budgets limit a run, not LangGraph's count of super-steps

log = logger()


def worker_name() -> str:
    """A name for one engine of this process, unlike any other's: who holds a lease."""
    return f"{socket.gethostname()}:{os.getpid()}:{random_id('w')}"


class Advancer:
    """Advances runs, each by at most one worker at a time."""

    def __init__(self, office: Office, owner: str) -> None:
        self._office = office
        self._owner = owner
        self._saver = LedgerSaver(office.ledger)
        self._graph: Any = build(office, self._saver)  # LangGraph's own overloads are only partly typed

    async def advance(self, run: RunId) -> bool:
        """Do what a run has to do now; False if somebody else does, or there is nothing to do."""
        ledger = self._office.ledger
        lease = await ledger.write(lambda tx: runs.take_lease(tx, run, self._owner, LEASE_SECONDS))
        if lease is None:
            return False
        hold = Hold(ledger, lease)
        try:
            async with self._renewed(lease):
                await self._until_parked(lease)
            await hold.write(lambda tx: runs.park(tx, lease))
        except Superseded as error:
            log.warning("run dropped: a newer worker owns it", run=run, epoch=error.epoch, newer=error.newer)
        except HandedBack:
            with contextlib.suppress(Superseded):  # it is somebody else's already
                await hold.write(lambda tx: runs.hand_back(tx, lease))
            return False
        except asyncio.CancelledError:
            hold.post(lambda tx: runs.hand_back(tx, lease))  # unless a tool is at work, whose end nobody will see
            raise
        except Exception as error:
            await self._troubled(hold, error)
        return True

    async def _until_parked(self, lease: Lease) -> None:
        """Invoke the graph; mail that came while the run was ending makes it read on.

        A thread gets input only when it has no state yet, and is never resumed with a value: LangGraph would keep the
        value and answer later interrupts with it.
        """
        while True:
            hold = Hold(self._office.ledger, lease)
            config: RunnableConfig = {
                "configurable": {"thread_id": hold.run, HOLD: hold},
                "recursion_limit": _STEPS,
            }
            started = await self._saver.aget_tuple(config)
            given: Any = None if started else Place().as_state()
            try:
                await self._graph.ainvoke(given, config, durability="sync")
            except Exception as error:
                failure = hold.failure or error
                if not isinstance(failure, MailArrived):
                    raise failure from error
            else:
                if hold.failure is None:
                    return
                if not isinstance(hold.failure, MailArrived):
                    raise hold.failure

    @contextlib.asynccontextmanager
    async def _renewed(self, lease: Lease) -> AsyncGenerator[None]:
        """Keep the lease while the work goes on; when it is lost, the work is stopped."""
        worker = asyncio.current_task()
        assert worker is not None
        lost: list[Superseded] = []

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEASE_SECONDS / 3)
                try:
                    await self._office.ledger.write(lambda tx: runs.renew_lease(tx, lease, LEASE_SECONDS))
                except Superseded as error:
                    lost.append(error)
                    worker.cancel()
                    return
                except LedgerError as error:
                    log.warning("the lease could not be renewed", run=lease.run, error=str(error))

        heartbeat = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if lost and worker.uncancel() == 0:
                raise lost[0] from None
            raise
        finally:
            heartbeat.cancel()

    async def _troubled(self, hold: Hold, error: Exception) -> None:
        """An advance failed: try again later, or ask people. What the run has recorded stands either way."""
        run, lease = hold.run, hold.lease
        known = await self._office.ledger.read(lambda tx: runs.get(tx, run))
        lasting = isinstance(error, ModelRefused) or known.attempts + 1 >= TRIES
        said = str(error) if isinstance(error, BatonError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, BatonError):
            log.error("run failed to advance", run=run, exc_info=error)

        def ask(tx: Transaction) -> None:
            open_trouble(tx, known, said)
            runs.park(tx, lease)

        try:
            if lasting:
                await hold.write(ask)
            else:
                again = min(60.0, 2.0**known.attempts * (5.0 if isinstance(error, ModelUnavailable) else 1.0))
                await hold.write(lambda tx: runs.pause(tx, lease, said, again))
        except Superseded:
            log.warning("run dropped: a newer worker owns it", run=run, epoch=lease.epoch)
