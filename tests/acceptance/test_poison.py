"""A run that kills its process each time is parked for a person, and those that were in flight beside it finish."""

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton import Baton, Fault
from baton.agents import SimulatedServer
from baton.agents.simulated import Answer, Conversation
from baton.ledger import ReviewKind
from support import PATIENCE, Says, call, calls, poison, text_rows

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "uvicorn"])

INNOCENTS = 8


def _answer(conversation: Conversation) -> Answer:
    results = [result for _, _, result in conversation.results()]
    tool = "blow_up" if "blow_up" in conversation.tools else "send"
    return calls(call(tool)) if len(results) < (1 if tool == "blow_up" else 2) else Answer(text=results[-1])


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    async with SimulatedServer(Says(_answer)) as server:
        yield server.base_url


async def _work(database: Path, cured: Path, url: str) -> int:
    process = _PROCESSES.Process(target=poison.work, args=(database, cured, url), daemon=True)
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode is not None
    return process.exitcode


async def test_a_run_that_kills_its_workers_is_parked_and_the_others_finish(tmp_path: Path, url: str) -> None:
    database, cured = tmp_path / "baton.db", tmp_path / "cured"
    async with Baton(agents=poison.agents(cured), database=database, dispatch=False) as baton:
        culprit = await baton.submit("blow up", agent="killer")
        innocents = [await baton.submit(f"send {number}", agent="clerk") for number in range(INNOCENTS)]

    codes = [await _work(database, cured, url)]
    while codes[-1] != 0 and len(codes) < 3 + INNOCENTS:
        codes.append(await _work(database, cured, url))
    assert codes == [-signal.SIGKILL] * 3 + [0]

    async with Baton(agents=poison.agents(cured), database=database, dispatch=False) as baton:
        for innocent in innocents:
            assert (await innocent_status(baton, innocent.id)) == "done"
        (review,) = await baton.reviews.waiting()
        (letter,) = await baton.dead()
        assert (letter.run.id, letter.fault, letter.review) == (culprit.id, Fault.POISONED, review.id)
        assert (review.run, review.kind) == (culprit.id, ReviewKind.TROUBLE)
        assert review.question["summary"] == "3 workers in a row have died while they held this run"
        known = review.question["known"]
        assert known["workers"].count("(epoch ") == 3
        assert known["begun, never confirmed"].startswith(f"blow_up {{}}, key {culprit.id}.1.0, begun ")
        assert await text_rows(baton.ledger, "SELECT takeovers FROM runs WHERE takeovers > 0") == []
        await (await baton.open(culprit.id)).message("are you there?")

    assert await _work(database, cured, url) == 0  # a message alone does not let it go on
    cured.touch()
    async with Baton(agents=poison.agents(cured), database=database, dispatch=False) as baton:
        (done,) = await baton.retry(culprit.id, by="ann")
        assert done.error is None
    assert await _work(database, cured, url) == 0
    async with Baton(database=database, dispatch=False) as baton:
        run = await (await baton.open(culprit.id)).status()
        assert (run.status, run.summary, run.fault) == ("done", "it went well", None)


async def innocent_status(baton: Baton, run: str) -> str:
    return (await (await baton.open(run)).status()).status


@pytest.mark.parametrize("yes", [True, False])
async def test_a_poisoned_run_can_be_ended_without_touching_what_kills(tmp_path: Path, url: str, yes: bool) -> None:
    database, cured = tmp_path / "baton.db", tmp_path / "cured"
    async with Baton(agents=poison.agents(cured), database=database, dispatch=False) as baton:
        culprit = await baton.submit("blow up", agent="killer")
    for _ in range(3):
        assert await _work(database, cured, url) == -signal.SIGKILL
    assert await _work(database, cured, url) == 0
    async with Baton(agents=poison.agents(cured), database=database, dispatch=False) as baton:
        (letter,) = await baton.dead()
        if yes:
            await baton.reject(letter.review, "leave it", by="ann")
        else:
            await (await baton.open(culprit.id)).cancel(by="ann")
    assert await _work(database, cured, url) == 0
    async with Baton(database=database, dispatch=False) as baton:
        assert await innocent_status(baton, culprit.id) == ("failed" if yes else "cancelled")
        assert await text_rows(baton.ledger, "SELECT state FROM effects WHERE state = 'doubt'") == []
        assert await baton.dead() == []
