"""A process in which one agent's tool kills it, while others work; the functions are main functions of processes."""

import asyncio
import os
import signal
from pathlib import Path

from baton import Agent, Baton, tool


def agents(cured: Path) -> list[Agent]:
    """A killer, which is harmless once `cured` exists, and a clerk."""

    @tool(effect="read")
    async def blow_up() -> str:
        """Kill the process."""
        if not cured.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return "it went well"

    @tool(repeatable=True)
    async def send(*, key: str) -> str:
        """Send."""
        return "sent"

    return [
        Agent("killer", tools=[blow_up], policy="allow-all"),
        Agent("clerk", tools=[send], policy="allow-all"),
    ]


def work(database: Path, cured: Path, url: str) -> None:
    """Work until every run has settled."""
    os.environ["OPENAI_BASE_URL"] = url
    asyncio.run(_work(database, cured))


async def _work(database: Path, cured: Path) -> None:
    async with Baton(agents=agents(cured), database=database) as baton:
        for run in await baton.runs():
            await (await baton.open(run.id)).settled()
