"""The readers beside the write door: what one turn of the event loop asks is looked up in few snapshots."""

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection

from baton.core import Clock
from baton.ledger.asked import Asked, tell
from baton.ledger.database import Database
from baton.ledger.transaction import Transaction, Work

_BATCH = 16
"""Most questions that share a snapshot: a slow one keeps no more than these from their answers."""


class Readers:
    """A few threads that read; asking costs a hop between threads for many questions rather than for each."""

    def __init__(self, database: Database, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._database, self._clock, self._loop = database, clock, loop
        self._threads = ThreadPoolExecutor(database.readers, thread_name_prefix="baton-read")
        self._asked: list[Asked] = []

    def read(self, work: Work[Any]) -> asyncio.Future[Any]:
        """Have `work` run on a snapshot that is taken after this call."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self.hand_over)
        self._asked.append(Asked(work, future))
        return future

    def hand_over(self) -> None:
        """Let the threads see to what was asked."""
        asked, self._asked = self._asked, []
        for start in range(0, len(asked), _BATCH):
            self._threads.submit(self._serve, asked[start : start + _BATCH])

    async def version(self) -> Hashable:
        """The database's version, asked in a thread."""
        return await self._loop.run_in_executor(self._threads, self._database.version)

    def close(self) -> None:
        """Answer what was handed over, then end. Blocks."""
        self._threads.shutdown()

    def _serve(self, items: Sequence[Asked]) -> None:
        """Answer all of them; after one that failed, which may have ended the snapshot, the others get a new one."""
        waiting = deque(items)
        while waiting:
            try:
                with self._database.reading() as connection, self._database.errors():
                    while waiting:
                        self._answer(waiting[0], connection)
                        waiting.popleft()
            except BaseException as error:
                if waiting:
                    waiting.popleft().error = error
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell, items)

    def _answer(self, item: Asked, connection: Connection) -> None:
        item.value = item.work(Transaction(connection, self._clock.now()))
