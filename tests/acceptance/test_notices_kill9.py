"""Workers are killed while they tell what happens: everything is told, under one id and in one form each."""

import asyncio
import base64
import contextlib
import json
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from baton import Baton
from baton.agents import SimulatedServer
from baton.ledger import Ledger, notices
from baton.review.notices import courier
from support import call, on_both, reached, script, text_rows
from support import noticing as support_noticing
from support.servers import Says, web_server

RUNS = 12
KILLS = 4
PATIENCE = 60.0
KEY = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
PAY = script([call("pay", cents=500)])
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "baton.graph.jobs"])


@contextlib.contextmanager
def worker(*arguments: object) -> Iterator[None]:
    """A worker in a process of its own, killed at the end."""
    process = _PROCESSES.Process(target=support_noticing.work, args=arguments, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


@on_both
async def test_what_happens_is_told_whenever_a_worker_is_killed(database: str, tmp_path: Path) -> None:
    draw, agent = random.Random(7), support_noticing.clerk(tmp_path)
    with web_server(lambda _asked: Says(204, b"")) as receiver:
        async with SimulatedServer(PAY) as model, Baton(agents=[agent], database=database, dispatch=False) as baton:
            given = (database, tmp_path, model.base_url, receiver.port, KEY)
            await baton.ledger.write(notices.begin)
            for number in range(RUNS):
                await baton.submit("go", key=str(number))
            for _ in range(KILLS):
                before = len(receiver.asked)
                with worker(*given):
                    await reached(lambda before=before: len(receiver.asked) > before)  # type: ignore[misc]
                    await asyncio.sleep(draw.uniform(0.0, 0.3))
                await _decide(baton)
            with worker(*given):
                async with asyncio.timeout(PATIENCE):
                    while not await _all_told(baton.ledger):
                        await _decide(baton)
                        await asyncio.sleep(0.1)
            expected = {f"{run}.{seq}" for run, seq in await text_rows(baton.ledger, _TOLD)}
            rows = await text_rows(baton.ledger, "SELECT event, state FROM notices")
    assert len(expected) >= 3 * RUNS  # a run that lost three workers in a row asks, too, whether to go on
    assert sorted(rows) == sorted((id, "sent") for id in expected)
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for request in receiver.asked:
        length = next(said for name, said in request.headers.items() if name.lower() == "content-length")
        if len(request.body) < int(length):
            continue  # its sender was killed while it spoke
        bodies[request.headers["webhook-id"]].add(request.body)
    assert set(bodies) == expected and all(len(same) == 1 for same in bodies.values())
    assert all(json.loads(body)["id"] == id for id, (body,) in bodies.items())


_TOLD = "SELECT run, seq FROM events WHERE kind IN ('review.opened', 'review.closed', 'run.ended')"


async def _decide(baton: Baton) -> None:
    """Answer some of what waits."""
    for review in (await baton.reviews.waiting())[:4]:
        await baton.reject(review.id, "no", by="ann")


async def _all_told(ledger: Ledger) -> bool:
    """Whether every run has ended, and all there is to tell has been told: what was asked beside as well."""
    going = await text_rows(ledger, "SELECT id FROM runs WHERE ended_at IS NULL")
    sent = await text_rows(ledger, "SELECT event FROM notices WHERE state = 'sent'")
    return not going and len(sent) >= len(await text_rows(ledger, _TOLD)) >= 3 * RUNS


def test_a_notice_is_held_longer_than_an_attempt_may_take() -> None:
    assert notices.HOLD_SECONDS > courier.LONGEST
