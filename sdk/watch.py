"""Waiting for something in the ledger, whichever process writes it."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from baton.core import LedgerError
from baton.ledger import Ledger, Transaction

T = TypeVar("T")

WATCH_SECONDS = 0.25
"""How often a waiting handle asks whether another process has written."""


class Watch:
    """Waits for something to become true in the ledger, whichever process makes it so."""

    def __init__(self, ledger: Ledger, failure: Callable[[], LedgerError | None] = lambda: None) -> None:
        """`failure` says why this process's engine cannot use the ledger; None while it can."""
        self._ledger = ledger
        self._failure = failure

    async def until(self, look: Callable[[Transaction], T | None]) -> T:
        """What `look` finds in the ledger, as soon as it finds something.

        Raises:
            LedgerError: if this process's engine cannot use the ledger, which nobody would mend by waiting.
        """
        changed = asyncio.Event()
        unlisten = self._ledger.listen(lambda _news: changed.set())
        try:
            while True:
                changed.clear()
                version = await self._ledger.version()
                found = await self._ledger.read(look)
                if found is not None:
                    return found
                while not changed.is_set() and await self._ledger.version() == version:
                    self._complain()
                    with contextlib.suppress(TimeoutError):  # not wait_for, which may lose a cancellation
                        async with asyncio.timeout(WATCH_SECONDS):
                            await changed.wait()
        finally:
            unlisten()

    def _complain(self) -> None:
        failure = self._failure()
        if failure is not None:
            raise failure
