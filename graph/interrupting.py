"""Messages that interrupt a model call: one look at the ledger, again and again, for all runs whose model is asked."""

import asyncio
import contextlib
from dataclasses import dataclass

from baton.core import LedgerError, RunId
from baton.ledger import Ledger, texting

LOOKS = 0.2
"""Seconds between two looks, while anybody waits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Waiter:
    run: RunId
    cursor: int
    any_message: bool
    rung: asyncio.Future[None]


class Doorbell:
    """Rings for a run where a message comes that is to be read at once."""

    def __init__(self, ledger: Ledger) -> None:
        """Nobody waits yet.

        Args:
            ledger: Where messages come.
        """
        self._ledger = ledger
        self._waiting: set[_Waiter] = set()
        self._looking: asyncio.Task[None] | None = None

    async def rings(self, run: RunId, cursor: int, *, any_message: bool) -> None:
        """Return once such a message is there.

        Args:
            run: Whose messages.
            cursor: The last message that it has read.
            any_message: Whether every message of a person or program rings; else those alone that say so themselves.
        """
        rung = asyncio.get_running_loop().create_future()
        waiter = _Waiter(run=run, cursor=cursor, any_message=any_message, rung=rung)
        self._waiting.add(waiter)
        looking = self._looking = self._looking or asyncio.ensure_future(self._look())
        try:
            await rung
        finally:
            self._waiting.remove(waiter)
            if not self._waiting:
                looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOKS)
            with contextlib.suppress(LedgerError):  # the model goes on meanwhile; the next look may be answered
                await self._ring()

    async def _ring(self) -> None:
        cursors = {one.run: one.cursor for one in self._waiting}  # a run thinks once at a time
        newest = await self._ledger.read(lambda tx: texting.newest(tx, cursors))
        for one in self._waiting:
            seen = newest.get(one.run)
            if seen and (seen.any if one.any_message else seen.urgent) > one.cursor and not one.rung.done():
                one.rung.set_result(None)
