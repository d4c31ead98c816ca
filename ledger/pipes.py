"""The pipes to a database: opened when they are first wanted, and again when they were lost."""

import asyncio
from collections.abc import Callable

from baton.ledger.database import Pipe

_PIPES = 2  # while one message is under way, the event loop makes the next
_AGAIN = 1.0  # seconds until opening is tried again


class Pipes:
    """Up to two pipes, for one event loop."""

    def __init__(self, pipe: Callable[[], Pipe], opened: Callable[[], None]) -> None:
        """Name what opens one and blocks meanwhile, and what is called when one was opened."""
        self._pipe, self._opened = pipe, opened
        self._loop = asyncio.get_running_loop()
        self._pipes: list[Pipe] = []
        self._opening: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._closed = False

    def idle(self) -> list[Pipe] | None:
        """Those that may be sent something; None if there are none at all, not even at work."""
        self._pipes = [pipe for pipe in self._pipes if not pipe.dead]
        wanted = len(self._pipes) < _PIPES and self._opening is None and not self._closed
        if wanted and self._loop.time() >= self._not_before:
            self._opening = self._loop.create_task(self._open())
        return [pipe for pipe in self._pipes if not pipe.busy] if self._pipes else None

    async def close(self) -> None:
        """Close them all."""
        self._closed = True
        if self._opening is not None:
            await self._opening
        for pipe in self._pipes:
            pipe.close()

    async def _open(self) -> None:
        try:
            while len(self._pipes) < _PIPES and not self._closed:
                pipe = await asyncio.to_thread(self._pipe)
                self._pipes.append(pipe)
                pipe.attach()
                self._opened()
        except Exception:  # the threads do what it would have done, and tell of what is wrong
            self._not_before = self._loop.time() + _AGAIN
        finally:
            self._opening = None
