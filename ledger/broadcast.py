"""Telling other processes something at once and not for good, by Postgres NOTIFY: what nobody hears is lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from baton.ledger.wakes import CONNECTING

CHANNEL = "baton_live"

LONGEST = 7000
"""Bytes that one telling has at most; Postgres takes 8,000."""

_AGAIN = 1.0  # seconds until a lost connection is tried again
_MOST = 10_000  # tellings that wait to be sent; of more the oldest are lost
_SEND = f"SELECT pg_notify('{CHANNEL}', said) FROM unnest(%s::text[]) said"


class Broadcast:
    """Two connections, one that tells and one that hears, opened again where they are lost."""

    def __init__(self, url: str, hear: Callable[[str], None]) -> None:
        """Name the database, and what is called with whatever is told, also by this process itself."""
        self._url, self._hear = url, hear
        self._said: asyncio.Queue[str] = asyncio.Queue(_MOST)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(_forever(work), name="baton-live") for work in (self._listen, self._tell)]

    async def stop(self) -> None:
        """End; what was not sent is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def tell(self, text: str) -> None:
        """Tell every process that listens, soon; at most `LONGEST` bytes."""
        if self._said.full():
            self._said.get_nowait()
        self._said.put_nowait(text)

    async def _listen(self) -> None:
        async with await _connect(self._url) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for notice in connection.notifies():
                self._hear(notice.payload)

    async def _tell(self) -> None:
        async with await _connect(self._url) as connection:
            await connection.execute("SET synchronous_commit = off")  # nothing of it is to be kept
            while True:
                said = [await self._said.get()]
                while not self._said.empty() and len(said) < 100:
                    said.append(self._said.get_nowait())
                await connection.execute(_SEND, (said,))


async def _connect(url: str) -> "psycopg.AsyncConnection[Any]":
    settings: dict[str, Any] = {**CONNECTING}
    return await psycopg.AsyncConnection.connect(url, autocommit=True, **settings)


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        with contextlib.suppress(psycopg.Error, OSError):
            await work()
        await asyncio.sleep(_AGAIN)
