"""kill -9 in the middle of a workflow, again and again: each step once, each join told once, the same end."""

import asyncio
import multiprocessing
import random
import signal
from pathlib import Path

from baton import Baton
from baton.ledger import handoffs, workflow_steps
from support import PATIENCE, text_rows
from support.crashing_flows import PIECES, expected, flows, work, written

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["baton.app"])


async def process(database: str, outbox: Path, commits: int) -> int | None:
    made = _PROCESSES.Process(target=work, args=(database, outbox, commits), daemon=True)
    await asyncio.to_thread(made.start)
    await asyncio.to_thread(made.join, PATIENCE * 4)
    return made.exitcode


async def test_a_workflow_that_is_killed_again_and_again_does_each_step_once(record_url: str, tmp_path: Path) -> None:
    outbox, chance = tmp_path / "outbox", random.Random(1)
    async with Baton(agents=flows(outbox), database=record_url, dispatch=False) as baton:
        await baton.submit("go")
    killed = 0
    while killed < 8 and await process(record_url, outbox, chance.randrange(6, 20)) == -signal.SIGKILL:
        killed += 1
    assert killed >= 4
    assert await process(record_url, outbox, 0) == 0
    assert sorted(written(outbox)) == expected()
    async with Baton(database=record_url, dispatch=False) as baton:
        (top,) = [run for run in await baton.runs() if run.parent is None]
        steps = await baton.ledger.read(lambda tx: workflow_steps.of_run(tx, top.id))
        pieces = await baton.ledger.read(lambda tx: handoffs.of_run(tx, top.id))
        told = await text_rows(
            baton.ledger,
            "SELECT b.text FROM messages m JOIN bodies b ON b.id = m.body WHERE m.run = :run AND m.ref = 'all'",
            run=top.id,
        )
    assert (top.status, top.summary) == ("done", "three failed: broken; undone: two, one")
    assert len(pieces) == PIECES
    assert sorted(piece.item or 0 for piece in pieces) == list(range(PIECES))
    assert sum(f"{PIECES} of {PIECES} have ended" in text for (text,) in told) == 1
    assert {step.state for step in steps if step.key in ("one", "two", "unone", "untwo")} == {"returned"}
    order = [word for word in written(outbox) if word.startswith("undo")]
    assert order == ["undo_two", "undo_one"]
