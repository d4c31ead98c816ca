"""Tidying memory now and then, for as long as a process lets the agents work, and never in their way."""

import asyncio
from collections.abc import Callable

from baton.core import BatonError, logger
from baton.ledger import Ledger, consolidation, fact_changes
from baton.ledger.fact_changes import Mark
from baton.memory.consolidating import Tidied, consolidate

FIRST_SECONDS = 60.0
"""How long after the beginning it is done first: a command that runs once has ended by then."""

TIDY_SECONDS = 3600.0
"""How often it is done."""

log = logger()


class Tidier:
    """Consolidates what every tenant knows, in small transactions; several processes may do so at once."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        first: float = FIRST_SECONDS,
        every: float = TIDY_SECONDS,
        working: Callable[[], bool] = lambda: True,
    ) -> None:
        """Over a ledger.

        Args:
            ledger: The record.
            first: After how many seconds it is done first.
            every: After how many seconds it is done again.
            working: Whether this process lets the agents work now, rather than another.
        """
        self._ledger, self._first, self._every, self._working = ledger, first, every, working
        self._seen: Mark | None = None
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._loop = asyncio.create_task(self._serve(), name="baton-tidying")

    async def stop(self) -> None:
        """Tidy no more; what was begun stands as far as it came."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def tidy(self) -> dict[str, Tidied]:
        """Tidy what has changed since this process did so last; what was done, by tenant."""
        since, self._seen = self._seen, await self._ledger.read(fact_changes.last)
        tenants = await self._ledger.read(consolidation.tenants)
        return {tenant: await consolidate(self._ledger, tenant, since=since) for tenant in tenants}

    async def _serve(self) -> None:
        await asyncio.sleep(self._first)
        while True:
            try:
                if self._working():
                    await self.tidy()
            except BatonError as error:
                log.error("memory is tidied later", error=str(error))
            except Exception as error:
                log.error("tidying memory stumbled; it is tried again", exc_info=error)
            await asyncio.sleep(self._every)
