"""kill -9 in the middle of a negotiation: each bid and each award once, the failed award to the next, one note."""

import asyncio
import multiprocessing
import signal
from collections import Counter
from pathlib import Path

import pytest

from baton import Baton
from baton.agents import SimulatedServer
from baton.ledger import handoffs
from support import PATIENCE, Says, bidding

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "uvicorn", "support.bidding"])


async def _process(database: Path, url: str, number: int) -> int | None:
    process = _PROCESSES.Process(target=bidding.work, args=(database, url, number), daemon=True)
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.join, 2 * PATIENCE)
    return process.exitcode


@pytest.mark.parametrize("number", [6, 11, 16, 21])
async def test_a_kill_after_any_commit_of_a_negotiation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    database = tmp_path / "baton.db"
    async with Baton(agents=bidding.team(), database=database, dispatch=False) as baton:
        run = await baton.submit("have it painted")
    async with SimulatedServer(Says(bidding.plays)) as server:
        assert await _process(database, server.base_url, number) == -signal.SIGKILL
        assert await _process(database, server.base_url, 0) == 0
    async with Baton(agents=bidding.team(), database=database, dispatch=False) as baton:
        run = await baton.open(run.id)
        status, history = await run.status(), await run.notes.history()
        found = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
    bids = Counter((one.taker, one.state.value) for one in found if one.bid_of is not None)
    work = [(one.taker, one.state.value) for one in found if one.bid_of is None]
    assert status.status == "done"
    assert bids == {("ann", "returned"): 1, ("bob", "returned"): 1}
    assert work == [("bob", "failed"), ("ann", "returned")]
    assert [(one.field, one.text) for one in history] == [("painted", "by ann")]
