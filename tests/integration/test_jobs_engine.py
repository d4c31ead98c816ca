"""The engine on Postgres: woken at once, and whatever is lost on the way is found again."""

import asyncio
import contextlib
import multiprocessing
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from baton import Agent, Baton, tool
from baton.agents import SimulatedServer
from baton.agents.simulated import Answer, Conversation
from baton.core import Goal, RunId
from baton.graph import advance, jobs
from baton.ledger import Ledger, Transaction, leases, runs, timers, wakes
from support import PATIENCE, Says, call, calls, open_office, script, soon, text_rows, until
from support import working as support_working
from support.postgres import PostgresServer

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "baton.graph.jobs"])

LOST = "DELETE FROM procrastinate_jobs WHERE status = 'todo'"
NEVER = 3600.0


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "TEND_SECONDS", 0.2)
    monkeypatch.setattr(wakes, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(wakes, "SILENT_SECONDS", 1.5)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set whenever the reconciler has looked."""
    looked, look = asyncio.Event(), jobs.JobEngine._look

    async def noted(engine: jobs.JobEngine) -> None:
        await look(engine)
        looked.set()

    monkeypatch.setattr(jobs.JobEngine, "_look", noted)
    return looked


def _done(tx: Transaction, run: RunId) -> bool:
    return runs.get(tx, run).status == "done"


def _plan(conversation: Conversation) -> Answer:
    return Answer(text="sent") if list(conversation.results()) else calls(call("send"))


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(url)
    yield ledger
    await ledger.close()


async def _listens(ledger: Ledger) -> None:
    """Until a worker waits for news."""
    listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    async with asyncio.timeout(PATIENCE):
        while not (await text_rows(ledger, listening))[0][0]:  # noqa: ASYNC110 - the server knows, and tells nobody
            await asyncio.sleep(0.01)


async def test_a_wake_starts_work_although_nobody_polls(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", NEVER)
    monkeypatch.setattr(jobs, "TEND_SECONDS", NEVER)
    async with (
        open_office(postgres_url, [Agent("clerk")], Says(lambda _: Answer(text="ok"))) as baton,
        Baton(agents=[Agent("clerk")], database=postgres_url, dispatch=False) as elsewhere,
    ):
        await _listens(baton.ledger)
        chat = await elsewhere.converse()
        for number in range(3):
            await soon(chat.say(str(number)))
        assert (await chat.status()).turns == 3


async def test_a_lost_job_is_found(postgres_url: str, quick: None) -> None:
    async with Baton(agents=[Agent("clerk")], database=postgres_url, dispatch=False) as elsewhere:
        run = await elsewhere.submit("go")
        await elsewhere.ledger.write(lambda tx: tx.connection.exec_driver_sql(LOST))
    async with open_office(postgres_url, [Agent("clerk")], script()) as baton:
        assert (await soon((await baton.open(run.id)).result())).status == "done"


async def test_runs_of_agents_that_a_worker_does_not_have_are_left_alone(
    postgres_url: str, quick: None, looks: asyncio.Event
) -> None:
    async with Baton(agents=[Agent("clerk"), Agent("smith")], database=postgres_url, dispatch=False) as elsewhere:
        others = await elsewhere.submit("go", agent="smith")
        lost = await elsewhere.submit("go", agent="smith")
        await elsewhere.ledger.write(
            lambda tx: tx.connection.exec_driver_sql(f"{LOST} AND lock = '{lost.id}'")  # the reconciler leaves it too
        )
        async with open_office(postgres_url, [Agent("clerk")], script()) as baton:
            assert (await soon((await baton.submit("go")).result())).status == "done"
            looks.clear()
            await soon(looks.wait())
            looks.clear()
            await soon(looks.wait())
        rows = [await elsewhere.ledger.read(partial(runs.get, run=run.id)) for run in (others, lost)]
        assert [(row.epoch, row.status) for row in rows] == [(0, "ready")] * 2
        async with open_office(postgres_url, [Agent("smith")], script()) as baton:
            for run in (others, lost):
                assert (await soon((await baton.open(run.id)).result())).status == "done"


@pytest.mark.parametrize("what", ["timer", "pause"])
async def test_a_time_is_kept_although_nobody_looks_for_what_was_lost(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(jobs, "TEND_SECONDS", NEVER)
    async with (
        open_office(postgres_url, [Agent("clerk")], script()) as baton,
        Baton(agents=[Agent("clerk"), Agent("smith")], database=postgres_url, dispatch=False) as elsewhere,
    ):
        await _listens(baton.ledger)
        if what == "timer":
            chat = await elsewhere.converse()
            await soon(chat.settled())

            def begin(tx: Transaction) -> None:
                timers.start(tx, chat.id, tx.now + 0.3, "wait")

            await elsewhere.ledger.write(begin)
            await until(baton.ledger, lambda tx: runs.get(tx, chat.id).turns == 1)
            return
        run = RunId("run_paused")

        def create_and_pause(tx: Transaction) -> None:
            runs.create(tx, Goal("go"), "clerk", id=run)
            lease = leases.take(tx, run, "somebody", 300)
            assert lease is not None
            leases.pause(tx, lease, "trouble", 0.3)
            tx.woken.clear()

        await elsewhere.ledger.write(create_and_pause)
        assert (await soon((await baton.open(run)).result())).status == "done"


@contextlib.asynccontextmanager
async def _process(*arguments: object) -> AsyncIterator[multiprocessing.context.ForkServerProcess]:
    """A worker in a process of its own, killed at the end."""
    process = _PROCESSES.Process(target=support_working.work, args=arguments, daemon=True)
    await asyncio.to_thread(process.start)
    try:
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


async def test_what_a_killed_worker_had_goes_to_another(postgres_url: str, tmp_path: Path, quick: None) -> None:
    outbox, agent = tmp_path / "outbox", support_working.agent
    async with SimulatedServer(Says(_plan)) as server, _opened(postgres_url) as ledger:
        async with Baton(agents=[agent(outbox)], database=postgres_url, dispatch=False) as elsewhere:
            run = await elsewhere.submit("go")
        async with _process(postgres_url, outbox, server.base_url, False, True) as process:
            await asyncio.to_thread(process.join, PATIENCE)
            assert process.exitcode == -signal.SIGKILL
        assert await text_rows(ledger, "SELECT state FROM effects") == [("claimed",)]
        assert (await text_rows(ledger, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"))[0][0] == 1
        async with open_office(postgres_url, [agent(outbox)], Says(_plan)) as baton:
            assert (await soon((await baton.open(run.id)).result())).status == "done"
        assert await text_rows(ledger, "SELECT epoch FROM runs") == [(2,)]
    assert len(outbox.read_text().splitlines()) == 1


async def test_a_stopped_worker_whose_place_was_taken_begins_anew(postgres_url: str, quick: None) -> None:
    """It was silent for too long: others have forgotten it. What it takes next, it takes under a new name."""
    async with open_office(postgres_url, [Agent("clerk")], script()) as baton:
        assert (await soon((await baton.submit("go")).result())).status == "done"
        before = await text_rows(baton.ledger, "SELECT id FROM procrastinate_workers")
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("DELETE FROM procrastinate_workers"))
        for _ in range(3):
            assert (await soon((await baton.submit("go")).result())).status == "done"
        assert before != await text_rows(baton.ledger, "SELECT id FROM procrastinate_workers")


async def test_a_long_tool_does_not_hold_up_others_after_the_connections_were_cut(
    postgres: PostgresServer, postgres_url: str, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance, "LEASE_SECONDS", 10.0)  # longer than a busy machine needs to connect again
    begun, go_on = asyncio.Event(), asyncio.Event()

    @tool(effect="read")
    async def send() -> str:
        begun.set()
        await go_on.wait()
        return "sent"

    def plan(conversation: Conversation) -> Answer:
        return _plan(conversation) if "slow" in conversation.user_texts()[0] else Answer(text="ok")

    async with open_office(postgres_url, [Agent("clerk", tools=[send], policy="allow-all")], Says(plan)) as baton:
        slow = await baton.submit("slow")
        await soon(begun.wait())
        workers = "DELETE FROM procrastinate_workers"  # and it has to begin anew
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql(workers))
        await asyncio.to_thread(postgres.cut)
        quick_ = [await baton.submit("quick") for _ in range(3)]
        for run in quick_:
            await until(baton.ledger, partial(_done, run=run.id))
        go_on.set()
        await until(baton.ledger, lambda tx: runs.get(tx, slow.id).status == "done")
        assert (await slow.status()).epoch == 1, "the work went on where it was"
        await until(baton.ledger, lambda tx: baton._failure() is None or None)


async def test_stopping_does_not_wait_for_a_server_that_is_gone(postgres: PostgresServer, quick: None) -> None:
    url = postgres.record()
    async with open_office(url, [Agent("clerk")], script()) as baton:
        await soon((await baton.submit("go")).result())
        await asyncio.to_thread(postgres.stop)
        try:
            await soon(baton.leave(0.1))
        finally:
            await asyncio.to_thread(postgres.start)


async def test_a_run_that_is_left_goes_on_elsewhere_at_once(postgres_url: str) -> None:
    """The worker that ends gives it back between two steps: no lease runs out, nothing is taken over."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    @tool(effect="read")
    async def send() -> str:
        begun.set()
        await go_on.wait()
        return "sent"

    agent = Agent("clerk", tools=[send], policy="allow-all")
    async with open_office(postgres_url, [agent], Says(_plan)) as baton:
        run = await baton.submit("go")
        await soon(begun.wait())
        leaving = asyncio.create_task(baton.leave(PATIENCE))
        go_on.set()
        await soon(leaving)
        assert await text_rows(baton.ledger, "SELECT lease_until, status FROM runs") == [(None, "ready")]
    async with open_office(postgres_url, [agent], Says(_plan)) as baton:
        assert (await soon((await baton.open(run.id)).result())).status == "done"
        assert await text_rows(baton.ledger, "SELECT epoch, attempts, takeovers FROM runs") == [(2, 0, 0)]


async def test_one_that_is_cut_off_while_it_opens_leaves_nothing_behind(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, begun = psycopg.AsyncConnection.connect, asyncio.Event()

    async def slowly(*given: Any, **how: Any) -> Any:
        begun.set()
        await asyncio.sleep(0.3)
        return await opening(*given, **how)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", slowly)
    before = asyncio.all_tasks()
    async with open_office(postgres_url, [Agent("clerk")], script()):
        await asyncio.wait_for(begun.wait(), PATIENCE)
    assert [task.get_name() for task in asyncio.all_tasks() - before] == []
