"""A worker as a process of its own, for tests of the engine: it works until it is ended."""

import asyncio
import os
import signal
from pathlib import Path

from baton import Agent, Baton, tool
from baton.graph import advance, jobs
from baton.ledger import wakes


def quick() -> None:
    """Short times, so that what a dead worker held goes to another soon."""
    advance.LEASE_SECONDS = 1.0
    jobs.POLL_SECONDS = jobs.TEND_SECONDS = 0.2
    wakes.HEARTBEAT_SECONDS, wakes.SILENT_SECONDS = 0.3, 1.5


def agent(outbox: Path, *, slow: bool = False, die: bool = False) -> Agent:
    """An agent with one tool that notes that it was called.

    Args:
        outbox: Where.
        slow: Whether the tool never ends.
        die: Whether the process dies in it.
    """

    @tool(repeatable=True)
    async def send(*, key: str) -> str:
        """Send."""
        if key not in (outbox.read_text() if outbox.exists() else ""):
            with outbox.open("a") as file:
                file.write(f"{key}\n")
        if die:
            os.kill(os.getpid(), signal.SIGKILL)
        if slow:
            await asyncio.sleep(3600)
        return "sent"

    return Agent("clerk", tools=[send], policy="allow-all")


def work(database: str, outbox: Path, url: str, slow: bool, die: bool) -> None:
    """Work for ever; the main function of a process."""
    os.environ["OPENAI_BASE_URL"] = url
    quick()

    async def main() -> None:
        async with Baton(agents=[agent(outbox, slow=slow, die=die)], database=database):
            await asyncio.Event().wait()

    asyncio.run(main())
