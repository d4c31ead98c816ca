"""kill -9 while what an approved action rests on is looked at again: it runs once, or is asked about once."""

import asyncio
import multiprocessing
import signal
from pathlib import Path

import pytest

from baton import Baton
from baton.agents import SimulatedServer
from support import PATIENCE, call, script, set_policy, soon
from support.ordering import buyer, work

KILLED = -signal.SIGKILL
PLACES = ["in the reading", *(f"after commit {number}" for number in range(1, 6))]
RULES = (
    'permit (principal, action == Action::"call", resource is Tool::price_of);',
    'permit (principal, action == Action::"call_with_approval", resource is Tool::order);',
)

_PROCESSES = multiprocessing.get_context("forkserver")  # children of a clean process that has imported everything
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "uvicorn"])


async def worked(folder: Path, place: str, url: str) -> int:
    """A process's exit code."""
    process = _PROCESSES.Process(target=work, args=(folder, place, url), daemon=True)
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.parametrize("place", PLACES)
async def test_a_kill_between_the_approval_and_the_end(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs in one record: the price of one has changed since it was asked about, that of the other has not."""
    set_policy(tmp_path / "shop.cedar", *RULES)
    price, orders = tmp_path / "price", tmp_path / "orders"
    mind = script([call("price_of", article="T")], [call("order", article="T")])
    async with SimulatedServer(mind) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        async with Baton(agents=[buyer(tmp_path)], database=tmp_path / "baton.db") as baton:
            for cents in (12, 15):
                price.write_text(str(cents))
                await soon((await baton.submit("order")).settled())
            old, same = await baton.reviews.waiting()
        async with Baton(agents=[buyer(tmp_path)], database=tmp_path / "baton.db", dispatch=False) as baton:
            for review in (old, same):
                await baton.approve(review.id, by="ann")
        assert await worked(tmp_path, place, server.base_url) in (KILLED, 0)
        assert await worked(tmp_path, "never", server.base_url) == 0
        async with Baton(agents=[buyer(tmp_path)], database=tmp_path / "baton.db", dispatch=False) as baton:
            (again,) = await baton.reviews.waiting()
            assert (again.run, again.tool) == (old.run, "order")
            assert [(one["before"], one["after"]) for one in again.question["drift"]] == [("12", "15")]
            assert (await (await baton.open(same.run)).result()).status == "done"
    assert len(orders.read_text().split()) == 1
