"""kill -9 while an action is held up, or waits for what it needs: it happens once, and what it had is given back."""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton import Baton
from baton.agents import SimulatedServer
from baton.agents.simulated import Answer, Conversation
from baton.ledger import reservations, stays
from support import PATIENCE, Says, call, calls, crashing, text_rows
from support.crashing import HELD_SECONDS, PRESS, agent, delivered

KILLED = -signal.SIGKILL

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "uvicorn"])


def _plan(conversation: Conversation) -> Answer:
    """Send, wait until it has gone out, and say so."""
    told = [text for text in conversation.user_texts() if "delivered" in text]
    if told:
        return Answer(text=f"told {len(told)} times")
    return Answer(text="I wait.") if list(conversation.results()) else calls(call("send"))


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with SimulatedServer(Says(_plan)) as server:
        yield server.base_url


async def work(folder: Path, place: str, url: str) -> int:
    """The exit code of a process that works until it is done, or killed."""
    arguments = (folder / "baton.db", folder / "outbox", "held", place, url)
    process = _PROCESSES.Process(target=crashing.work, args=arguments, daemon=True)
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.parametrize("number", [3, 5, 6, 7, 8, 9, 11, 13])
async def test_a_kill_after_any_commit_loses_and_doubles_nothing(tmp_path: Path, url: str, number: int) -> None:
    async with Baton(
        agents=[agent(tmp_path / "outbox", "held")],
        database=tmp_path / "baton.db",
        resources=[PRESS],
        dispatch=False,
    ) as baton:
        await baton.submit("send")
    killed = await work(tmp_path, f"after commit {number}", url) == KILLED
    killed |= await work(tmp_path, f"after commit {number // 2}", url) == KILLED
    assert killed
    assert await work(tmp_path, "never", url) == 0

    assert len(delivered(tmp_path / "outbox")) == 1
    async with Baton(database=tmp_path / "baton.db", dispatch=False) as baton:
        (run,) = await baton.runs()
        assert (run.status, run.summary) == ("done", "told 1 times")
        assert await text_rows(baton.ledger, "SELECT state FROM stays") == [("over",)]
        assert await text_rows(baton.ledger, "SELECT state FROM effects") == [("done",)]
        assert await baton.ledger.read(reservations.listed) == []
        ((until, claimed),) = await text_rows(
            baton.ledger, "SELECT s.until, e.claimed_at FROM stays s JOIN effects e ON e.key = s.action"
        )
        assert claimed >= until and await baton.ledger.read(stays.listed) == []
    assert HELD_SECONDS > 0


@pytest.mark.parametrize("place", ["before the effect", "after the effect"])
async def test_a_kill_in_the_midst_of_it_is_reconciled(tmp_path: Path, url: str, place: str) -> None:
    async with Baton(
        agents=[agent(tmp_path / "outbox", "held")],
        database=tmp_path / "baton.db",
        resources=[PRESS],
        dispatch=False,
    ) as baton:
        await baton.submit("send")
    assert await work(tmp_path, place, url) == KILLED
    assert await work(tmp_path, "never", url) == 0
    assert len(delivered(tmp_path / "outbox")) == 1
    async with Baton(database=tmp_path / "baton.db", dispatch=False) as baton:
        (run,) = await baton.runs()
        assert run.summary == "told 1 times"
        assert await baton.ledger.read(reservations.listed) == []
