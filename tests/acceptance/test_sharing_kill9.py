"""kill -9 while an action is held up, waits for what it needs, or is asked about with that in hand.

It happens once, or not where people said no; and what it had is given back.
"""

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


def _asked(conversation: Conversation) -> Answer:
    """Send once, wait for what comes of it, and say so."""
    told = [text for text in conversation.user_texts() if text.startswith("[review ") and "pending: " not in text]
    if told:
        return Answer(text=f"told {len(told)} times")
    return Answer(text="I wait.") if list(conversation.results()) else calls(call("send"))


RESERVES = """
@id("asks") @reserve permit (principal, action == Action::"call_with_approval", resource is Tool::send);
@id("free") permit (principal, action, resource) unless { resource is Tool::send };
"""


PLACES = [("sqlite", "yes", number) for number in range(7, 21)]  # before that a process only begins
PLACES += [("sqlite", "no", number) for number in (12, 13, 15, 16)]
PLACES += [("postgres", "yes", number) for number in (8, 10, 16, 20, 23)] + [("postgres", "no", 19)]


@pytest.mark.parametrize(("database", "answer", "number"), PLACES, indirect=["database"])
async def test_a_kill_while_a_question_holds_a_resource_leaves_one_call_and_nothing_held(
    database: str, tmp_path: Path, answer: str, number: int
) -> None:
    outbox, policy = tmp_path / "outbox", tmp_path / f"{answer}.cedar"
    policy.write_text(RESERVES)
    clerk = agent(outbox, "asked", policy=str(policy))
    async with SimulatedServer(Says(_asked)) as server:
        async with Baton(agents=[clerk], database=database, resources=[PRESS], dispatch=False) as baton:
            await baton.shared.reserve("press", by="bob")
            await baton.submit("send")
        codes: list[int | None] = []
        for commits in (number, 0):
            given = (database, outbox, policy, commits, server.base_url)
            process = _PROCESSES.Process(target=crashing.decide, args=given, daemon=True)
            await asyncio.to_thread(process.start)
            await asyncio.to_thread(process.join, PATIENCE)
            codes.append(process.exitcode)
    assert codes == [KILLED, 0]

    assert len(delivered(outbox)) == (answer == "yes")
    async with Baton(database=database, dispatch=False) as baton:
        (run,) = await baton.runs()
        assert (run.status, run.summary) == ("done", "told 1 times")
        assert await baton.ledger.read(reservations.listed) == []
        for table in ("reservation_items", "reservation_questions"):
            assert await text_rows(baton.ledger, f"SELECT * FROM {table}") == []
        assert await text_rows(baton.ledger, "SELECT count(*) FROM reviews") == [(1,)]
        assert await text_rows(baton.ledger, "SELECT token FROM resources") == [(2,)]  # bob's, and one for the call
        states = await text_rows(baton.ledger, "SELECT state FROM effects")
        assert states == ([("done",)] if answer == "yes" else [])
