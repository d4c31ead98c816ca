"""Lines that are typed, or come through a pipe, without blocking the agents at work."""

import asyncio
import contextlib
import os
import sys


class TypedLines:
    """Reads standard input line by line.

    A terminal and a pipe are waited for by the event loop; a file, which never keeps one waiting, is simply read.
    """

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._pending = b""
        self._ended = False

    async def next(self) -> str | None:
        """The next line without its end; None at the end of input."""
        while b"\n" not in self._pending and not self._ended:
            await self._readable()
            piece = os.read(self._input, 65536)
            self._ended = not piece
            self._pending += piece
        if not self._pending and self._ended:
            return None
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        try:
            loop.add_reader(self._input, ready.set)
        except PermissionError:
            return  # a file: the event loop cannot wait for it and need not
        try:
            await ready.wait()
        finally:
            with contextlib.suppress(ValueError):
                loop.remove_reader(self._input)
