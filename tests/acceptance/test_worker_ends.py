"""`baton worker` is told to end: nothing is half done, and the next one goes on with what was open."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton import Agent, Baton
from support import reached, soon, text_rows
from support.commands import SECONDS, environment

PROJECT = """
agents:
  - name: sender
    instructions: Send when asked to.
    tools: [tools.py:send]
    policy: allow-all
"""

TOOLS = '''
import time
from pathlib import Path

from baton import tool

@tool(timeout=3600)
def send(*, key: str) -> str:
    """Send."""
    with open("outbox", "a") as file:
        file.write(key + "\\n")
    while not Path("go on").exists():
        time.sleep(0.02)
    return "sent"
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path


@contextlib.contextmanager
def _worker(folder: Path, url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "baton.cli", "worker", "--json", *words]
    variables = environment(PYTHONUNBUFFERED="1", BATON_DATABASE_URL=url)
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _said(process: subprocess.Popen[str]) -> str:
    """The next state that a worker tells."""
    assert process.stdout is not None
    line = process.stdout.readline()
    state: str = json.loads(line)["state"] if line else "nothing"
    return state


def _end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(SECONDS)


async def _sent(folder: Path) -> None:
    """Until the tool is at work."""
    await reached((folder / "outbox").exists)


async def test_a_worker_that_is_told_to_end_gives_its_run_back_between_two_steps(
    folder: Path, postgres_url: str
) -> None:
    async with Baton(agents=[Agent("sender")], database=postgres_url, dispatch=False) as baton:
        run = await baton.submit("send")
        with _worker(folder, postgres_url) as first:
            assert _said(first) == "working"
            await _sent(folder)
            for _ in range(2):  # told twice, as by somebody who is impatient
                first.send_signal(signal.SIGTERM)
            (folder / "go on").touch()
            assert await asyncio.to_thread(first.wait, SECONDS) == 0
            assert _said(first) == "ended"
        rows = await text_rows(baton.ledger, "SELECT lease_until, status, trouble FROM runs")
        assert rows == [(None, "ready", None)]
        assert await text_rows(baton.ledger, "SELECT state FROM effects") == [("done",)]
        with _worker(folder, postgres_url) as second:
            assert (await soon(run.result())).status == "done"
            assert await asyncio.to_thread(_end, second) == 0
        assert await text_rows(baton.ledger, "SELECT epoch, takeovers FROM runs") == [(2, 0)]
    assert len((folder / "outbox").read_text().split()) == 1


async def test_a_worker_that_may_not_wait_leaves_a_tool_that_is_at_work_its_lease(
    folder: Path, postgres_url: str
) -> None:
    """Nobody asks whether it happened before it had the time to."""
    async with Baton(agents=[Agent("sender")], database=postgres_url, dispatch=False) as baton:
        await baton.submit("send")
        with _worker(folder, postgres_url, "--grace", "0.1") as first:
            assert _said(first) == "working"
            await _sent(folder)
            assert await asyncio.to_thread(_end, first) == 0
        ((until_, state),) = await text_rows(
            baton.ledger, "SELECT r.lease_until, e.state FROM runs r JOIN effects e ON e.run = r.id"
        )
        assert state == "claimed"
        assert until_ is not None


async def test_a_second_worker_on_a_file_stands_by_and_takes_over(folder: Path, database: str) -> None:
    async with Baton(agents=[Agent("sender")], database=database, dispatch=False) as baton:
        run = await baton.submit("send")
        with _worker(folder, database) as first:
            assert _said(first) == "working"
            await _sent(folder)
            with _worker(folder, database) as second:
                assert _said(second) == "standing by"
                first.send_signal(signal.SIGTERM)
                (folder / "go on").touch()
                assert await asyncio.to_thread(first.wait, SECONDS) == 0
                assert (await soon(run.result())).status == "done"
                assert await asyncio.to_thread(_end, second) == 0
        assert await text_rows(baton.ledger, "SELECT epoch, takeovers FROM runs") == [(2, 0)]
    assert len((folder / "outbox").read_text().split()) == 1
