"""A source that others wait for over HTTP: with heartbeats, and an end when the server's or the caller's has come."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from baton.core import LedgerError
from baton.server.callers import Caller, still_holds
from baton.server.service import Service

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
"""How often a stream says that it is there; then it is also looked whether its caller still may see it."""


async def beating(service: Service, caller: Caller, source: AsyncGenerator[T]) -> AsyncGenerator[T | None]:
    """What comes of a source; None where nothing has come for a while. Closes the source.

    Raises:
        LedgerError: when the server is to end; what is at work goes on elsewhere or later.
        SignInNeeded: when what the caller has shown holds no more.
    """
    closing = asyncio.ensure_future(service.closing.wait())
    coming = asyncio.ensure_future(anext(source, None))
    try:
        while True:
            await asyncio.wait((closing, coming), timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if closing.done():
                raise LedgerError("this server", "is ending", "Nothing is lost: the run goes on. Ask again.")
            if not coming.done():
                await service.baton.ledger.read(lambda tx: still_holds(tx, caller.credential))
                yield None
                continue
            found = coming.result()
            if found is None:
                return
            coming = asyncio.ensure_future(anext(source, None))
            yield found
    finally:
        for task in (closing, coming):
            task.cancel()
        await asyncio.gather(closing, coming, return_exceptions=True)
        await source.aclose()
