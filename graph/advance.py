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
    Fault,
    HandedBack,
    LedgerError,
    MailArrived,
    ModelUnavailable,
    RunId,
    Superseded,
    ToolUnavailable,
    fault_of,
    logger,
    random_id,
    redact,
)
from baton.graph.fitting import fits
from baton.graph.forking import first_place
from baton.graph.hold import Hold
from baton.graph.loop import build
from baton.graph.move import Office
from baton.graph.observing import observed
from baton.graph.saver import HOLD, LedgerSaver
from baton.graph.state import Place
from baton.graph.trouble import held_back, open_trouble
from baton.ledger import Lease, Transaction, fingerprints, leases, runs

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
        self._kept: set[str | None] = set()  # fingerprints that the record is known to hold
        self._saver = LedgerSaver(office.ledger)
        self._graph: Any = build(office, self._saver)  # LangGraph's own overloads are only partly typed

    async def advance(self, run: RunId) -> bool:
        """Do what a run has to do now; False if somebody else does, or there is nothing to do."""
        ledger = self._office.ledger
        lease = await ledger.write(lambda tx: self._take(tx, run))
        if lease is None:
            return False
        self._kept.add(lease.fingerprint)
        try:
            if (lease.takeovers or lease.poisoned) and await self._held_back(lease):
                return True
            async with self._renewed(lease):
                if not await fits(self._office, Hold(ledger, lease)):
                    return True
                async with observed(self._office, run):
                    await self._until_parked(lease)
            await Hold(ledger, lease).write(lambda tx: leases.park(tx, lease))
        except Superseded as error:
            _dropped(error)
        except HandedBack:
            with contextlib.suppress(Superseded):  # it is somebody else's already
                await Hold(ledger, lease).write(lambda tx: leases.hand_back(tx, lease))
            return False
        except asyncio.CancelledError:
            await self._given_back(lease)
            raise
        except Exception as error:
            await self._troubled(Hold(ledger, lease), error)  # not one that refuses because a write has failed
        return True

    def _take(self, tx: Transaction, run: RunId) -> Lease | None:
        """The lease of a run that the code at hand may advance; what that code is, is kept with the run."""
        team = self._office.team
        lease = leases.take(tx, run, self._owner, LEASE_SECONDS, team.at_hand, limited=team.limited)
        if lease is not None and lease.agent in team.members and lease.fingerprint not in self._kept:
            code = team.members[lease.agent].fingerprint
            fingerprints.keep(tx, code.hash, code.content)
        return lease

    async def _until_parked(self, lease: Lease) -> None:
        """Invoke the graph; mail that came while the run was ending makes it read on.

        A thread gets input only when it has no state yet, and is never resumed with a value: LangGraph would keep the
        value and answer later interrupts with it.
        """
        fresh = lease.epoch == 1  # nobody has held it before: there is no state
        while True:
            hold = Hold(self._office.ledger, lease)
            config: RunnableConfig = {
                "configurable": {"thread_id": hold.run, HOLD: hold},
                "recursion_limit": _STEPS,
            }
            hold.begun = None if fresh else await self._saver.aget_tuple(config)
            hold.looked, fresh = True, False
            given: Any = None if hold.begun else (await self._first_place(lease)).as_state()
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

    async def _first_place(self, lease: Lease) -> Place:
        if lease.forked_at is None:
            return Place()
        return await self._office.ledger.read(lambda tx: first_place(tx, runs.get(tx, lease.run)))

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
                    await self._office.ledger.write(lambda tx: leases.renew(tx, lease, LEASE_SECONDS))
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

    async def _held_back(self, lease: Lease) -> bool:
        held = await Hold(self._office.ledger, lease).write(lambda tx: held_back(tx, lease))
        if held:
            log.error("run held back: its workers died one after the other", run=lease.run, takeovers=lease.takeovers)
        return held

    async def _given_back(self, lease: Lease) -> None:
        """A worker that is told to stop gives its run back: that it stopped is not held against the run."""
        with contextlib.suppress(Superseded, LedgerError):  # then the lease runs out by itself
            await self._office.ledger.write(lambda tx: leases.hand_back(tx, lease))

    async def _troubled(self, hold: Hold, error: Exception) -> None:
        """An advance failed: try again later, or ask people. What the run has recorded stands either way."""
        run, lease = hold.run, hold.lease
        known = await self._office.ledger.read(lambda tx: runs.get(tx, run))
        fault, own = fault_of(error), isinstance(error, BatonError)
        said = redact(str(error) if own else f"{type(error).__name__}: {error}")
        if not own:
            log.error("run failed to advance", run=run, exc_info=error)
        rest = error.after if isinstance(error, ModelUnavailable | ToolUnavailable) else None
        asks = rest is None and ((own and fault is not Fault.TRANSIENT) or known.attempts + 1 >= TRIES)
        again = min(60.0, 2.0**known.attempts * (5.0 if isinstance(error, ModelUnavailable) else 1.0))

        def ask(tx: Transaction) -> None:
            open_trouble(tx, known, said, fault)
            leases.park(tx, lease)

        def wait(tx: Transaction) -> None:
            leases.pause(tx, lease, said, again if rest is None else rest, counts=rest is None)

        try:
            await hold.write(ask if asks else wait)
        except Superseded as newer:
            _dropped(newer)


def _dropped(error: Superseded) -> None:
    """A newer worker owns the run: this one touches neither the record nor the world any more."""
    log.warning("run dropped: a newer worker owns it", run=error.run, epoch=error.epoch, newer=error.newer)
