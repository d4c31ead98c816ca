"""The engine: it stops when told to, hands over when it dies, and times come due."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, tool
from baton.core import Delta, LedgerLocked, ModelReply, ModelRequest
from baton.graph import Advancer, Dispatcher, Hold, Office, advance
from baton.graph import dispatcher as dispatcher_module
from baton.ledger import Work, effects, leases, runs
from baton.ledger import sqlite as ledger_sqlite
from support import call, open_office, script, soon, text_rows, until


@pytest.mark.parametrize("turns", range(6))
async def test_stopping_as_news_arrives_stops(tmp_path: Path, turns: int) -> None:
    """Python 3.11's wait_for swallows a cancellation that comes together with what it waits for."""
    async with open_office(tmp_path / "baton.db", [Agent("clerk")], script(), dispatch=False) as baton:
        dispatcher = Dispatcher(_office(baton))
        await dispatcher.start()
        await asyncio.sleep(0.02)
        dispatcher._changed.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        stopping = asyncio.create_task(dispatcher.stop())
        try:
            await asyncio.wait_for(asyncio.shield(stopping), 5)
        except TimeoutError:
            for _ in range(10):
                dispatcher._loop.cancel() if dispatcher._loop else None
                await asyncio.sleep(0.05)
            raise


class Till:
    """Counts payments."""

    def __init__(self) -> None:
        self.paid: list[str] = []

    def agent(self, policy: str = "ask-writes") -> Agent:
        @tool
        async def pay(*, key: str) -> str:
            """Pay."""
            self.paid.append(key)
            return "paid"

        @tool(effect="read")
        async def look() -> str:
            """Look."""
            return "seen"

        return Agent("clerk", tools=[pay, look], policy=policy)


PAY = script([call("look"), call("pay")])
LOOK = script([call("look")])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


async def test_one_process_dispatches_and_another_submits_decides_and_sees(database: Path) -> None:
    here, there = Till(), Till()
    async with open_office(database, [here.agent()], PAY), open_office(database, [there.agent()], PAY) as other:
        assert other._engine is not None
        run = await other.submit("go")
        (review,) = (await soon(run.settled())).reviews
        assert not other._engine.leading
        await other.approve(review.id)
        assert (await soon(run.result())).status == "done"
        kinds = [event.kind async for event in run.events()]
    assert kinds[-1] == "run.ended"
    assert (len(here.paid), there.paid) == (1, [])


async def test_the_dispatch_lock_passes_on(database: Path) -> None:
    here, there = Till(), Till()
    first = open_office(database, [here.agent("allow-all")], PAY)
    await first.__aenter__()
    async with open_office(database, [there.agent("allow-all")], PAY) as other:
        await soon((await other.submit("one")).result())
        assert (len(here.paid), len(there.paid)) == (1, 0)
        await first.__aexit__(None, None, None)
        await soon((await other.submit("two")).result())
        assert (len(here.paid), len(there.paid)) == (1, 1)


async def test_work_that_was_cut_off_goes_on_when_baton_is_opened_again(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance, "LEASE_SECONDS", 0.2)
    till, thinking = Till(), asyncio.Event()
    agent = till.agent("allow-all")

    class Slow:
        async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
            thinking.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with Baton(agents=[agent], database=database, model=Slow()) as baton:
        run = await baton.submit("go")
        await soon(thinking.wait())
    async with open_office(database, [agent], PAY) as baton:
        assert (await soon((await baton.open(run.id)).result())).status == "done"
    assert len(till.paid) == 1


async def test_a_stale_worker_calls_no_tool_and_writes_nothing(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers on one run: the first thinks while the second takes the lease over, and is then let go on."""
    monkeypatch.setattr(advance, "LEASE_SECONDS", 300.0)
    till, gate, thinking = Till(), asyncio.Event(), asyncio.Event()

    async with open_office(database, [till.agent("allow-all")], PAY, dispatch=False) as baton:
        fast = baton._model

        class Paused:
            async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
                reply = await fast.complete(request, on_delta)
                thinking.set()
                await gate.wait()
                return reply

        run = await baton.submit("go")
        stale = Advancer(_office(baton), owner="stale")
        baton._model = Paused()
        baton.employ(till.agent("allow-all"))
        working = asyncio.create_task(stale.advance(run.id))
        await soon(thinking.wait())

        baton._model = fast
        baton.employ(till.agent("allow-all"))
        assert await Advancer(_office(baton), owner="early").advance(run.id) is False
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET lease_until = 0"))
        assert await Advancer(_office(baton), owner="successor").advance(run.id) is True
        assert (await run.status()).status == "done"
        before = await _rows(baton)
        gate.set()
        await soon(working)

        assert await _rows(baton) == before
        assert (await run.status()).status == "done"
    assert len(till.paid) == 1


async def test_a_worker_that_slept_between_its_claim_and_the_call_does_not_call(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = Till()
    write = Hold.write

    async def sleep_after_the_claim(hold: Hold, work: Work[Any], **how: Any) -> Any:
        done = await write(hold, work, **how)
        states = await hold.ledger.read(lambda tx: [one.state for one in effects.of_run(tx, hold.run)])
        if "claimed" in states and hold.lease.epoch == 1:
            await hold.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET lease_until = 0"))
            newer = await hold.ledger.write(lambda tx: leases.take(tx, hold.run, "other", 300))
            assert newer is not None
        return done

    monkeypatch.setattr(Hold, "write", sleep_after_the_claim)
    mind = script([call("pay")])
    async with open_office(database, [till.agent("allow-all")], mind, dispatch=False) as baton:
        run = await baton.submit("go")
        await Advancer(_office(baton), owner="sleepy").advance(run.id)
        assert await text_rows(baton.ledger, "SELECT state, epoch FROM effects") == [("claimed", 1)]
    assert till.paid == []


async def test_a_long_step_keeps_its_lease(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "LEASE_SECONDS", 0.15)
    begun: list[int] = []

    @tool(effect="read")
    async def long() -> str:
        begun.append(1)
        await asyncio.sleep(0.6)
        return "done at last"

    agent = Agent("clerk", tools=[long], policy="allow-all")
    async with open_office(database, [agent], script([call("long")]), dispatch=False) as baton:
        run = await baton.submit("go")
        working = asyncio.create_task(Advancer(_office(baton), owner="a").advance(run.id))
        rival = Advancer(_office(baton), owner="b")
        while not working.done():
            assert await rival.advance(run.id) is False or working.done()
            await asyncio.sleep(0.01)
        assert (await run.status()).epoch == 1
    assert begun == [1]


async def test_a_worker_whose_lease_is_taken_stops_what_it_is_doing(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advance, "LEASE_SECONDS", 0.15)
    begun, ended = asyncio.Event(), list[str]()

    @tool(effect="read")
    async def long() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cut off")
        return ""

    agent = Agent("clerk", tools=[long], policy="allow-all")
    async with open_office(database, [agent], script([call("long")]), dispatch=False) as baton:
        run = await baton.submit("go")
        working = asyncio.create_task(Advancer(_office(baton), owner="a").advance(run.id))
        await soon(begun.wait())
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET epoch = epoch + 1"))
        assert await soon(working) is True
    assert ended == ["cut off"]


async def test_a_ledger_that_is_locked_for_a_while_holds_work_up_and_no_more(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher_module, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(advance, "LEASE_SECONDS", 0.2)
    looked: list[int] = []
    with closing(sqlite3.connect(database, isolation_level=None, timeout=5)) as other:

        @tool(effect="read")
        async def look() -> str:
            """Another process locks the database while this tool runs."""
            looked.append(1)
            if len(looked) == 1:
                other.execute("BEGIN IMMEDIATE")
            return "seen"

        async with open_office(database, [Agent("clerk", tools=[look], policy="allow-all")], LOOK) as baton:
            run = await baton.submit("go")
            with pytest.raises(LedgerLocked, match="another process has held it"):
                await soon(run.result())
            with pytest.raises(LedgerLocked):
                await baton.submit("more")
            other.execute("ROLLBACK")
            await until(baton.ledger, lambda tx: runs.get(tx, run.id).status == "done")
            lines = [line.text for line in await run.transcript()]
    assert lines == ["", "seen", "done"]


async def test_an_engine_that_starts_while_the_ledger_is_locked_starts_later(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher_module, "RETRY_SECONDS", 0.05)
    till = Till()
    async with open_office(database, [till.agent("allow-all")], PAY, dispatch=False) as baton:
        run = await baton.submit("go")
        dispatcher = Dispatcher(_office(baton))
        with closing(sqlite3.connect(database, isolation_level=None, timeout=5)) as other:
            other.execute("BEGIN IMMEDIATE")
            await dispatcher.start()
            try:
                while dispatcher.failure is None:
                    assert dispatcher._loop is not None
                    assert not dispatcher._loop.done()
                    await asyncio.sleep(0.01)
                other.execute("ROLLBACK")
                assert (await soon(run.result())).status == "done"
            finally:
                await dispatcher.stop()
    assert len(till.paid) == 1


def _office(baton: Baton) -> Office:
    return Office(ledger=baton.ledger, team=baton._team, live=lambda _run, _turn: None)


async def _rows(baton: Baton) -> list[tuple[Any, ...]]:
    tables = ("transcript", "model_calls", "actions", "effects", "checkpoints", "checkpoint_writes", "events")
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    return await text_rows(baton.ledger, f"SELECT {counts}, (SELECT epoch FROM runs)")
