"""Single keys and whole lines from a terminal."""

import asyncio
import os
import sys
import termios
import tty

from rich.text import Text

from baton.cli.output import Screen


class Keyboard:
    """Reads the terminal that somebody sits at. Close it: until then the terminal may not echo."""

    def __init__(self, screen: Screen) -> None:
        self._screen, self._fd = screen, sys.stdin.fileno()
        self._usual = termios.tcgetattr(self._fd)

    def close(self) -> None:
        """Leave the terminal as it was."""
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._usual)

    def forget(self) -> None:
        """Drop what was typed before now: it was meant for what was shown before."""
        termios.tcflush(self._fd, termios.TCIFLUSH)

    async def key(self) -> str:
        """The next key, in lower case; empty for one that is no character, and for the end of input `q`."""
        tty.setcbreak(self._fd)
        typed = (await self._read()).decode(errors="replace")
        if typed in ("", "\x04"):
            return "q"
        return typed[0].lower() if typed[0].isprintable() else ""

    async def line(self, prompt: str) -> str | None:
        """A typed line without its end; None at the end of input."""
        self.close()
        self._screen.out.print(Text(prompt, style="bold cyan"), end="")
        typed = await self._read()
        return typed.decode(errors="replace").rstrip("\r\n") if typed else None

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def came() -> None:
            if not ready.done():
                ready.set_result(None)

        loop.add_reader(self._fd, came)
        try:
            await ready
        finally:
            loop.remove_reader(self._fd)
        return os.read(self._fd, 4096)
