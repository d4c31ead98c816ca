"""A server that stops, cuts connections, may only be read, is full or locked: told clearly, and nothing is lost."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from sqlalchemy import text

from baton import Agent, Baton
from baton.agents.simulated import Answer
from baton.core import (
    BodyId,
    Goal,
    InvalidValue,
    LedgerError,
    LedgerFull,
    LedgerLocked,
    LedgerReadOnly,
    LedgerUnreachable,
    LedgerVersion,
    Superseded,
)
from baton.graph import Hold, advance, jobs
from baton.ledger import Ledger, Transaction, Work, bodies, leases, mail, runs, wakes
from baton.ledger import postgres as ledger_postgres
from baton.ledger.migrations import HEAD
from support import PATIENCE, Says, open_office, reached, soon, text_rows, until
from support.postgres import PostgresServer


@pytest.fixture
async def ledger(postgres_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(postgres_url)
    yield opened
    await opened.close()


def _storing(body: str) -> Work[BodyId]:
    return lambda tx: bodies.store(tx, body)


async def _texts(ledger: Ledger) -> list[str]:
    return [row[0] for row in await text_rows(ledger, "SELECT text FROM bodies ORDER BY id")]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advance, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "TEND_SECONDS", 0.2)
    monkeypatch.setattr(wakes, "HEARTBEAT_SECONDS", 0.3)
    monkeypatch.setattr(wakes, "SILENT_SECONDS", 1.5)


@pytest.mark.parametrize("how", ["restart", "cut"])
async def test_what_was_acknowledged_under_load_is_there_and_the_work_goes_on(
    postgres: PostgresServer, postgres_url: str, quick: None, how: str
) -> None:
    acknowledged: list[str] = []
    refused: list[LedgerError] = []
    stop = asyncio.Event()

    async def submit(baton: Baton, who: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            key = f"{who}-{number}"
            try:
                await baton.submit("go", key=key)
            except LedgerUnreachable as error:
                refused.append(error)
            else:
                acknowledged.append(key)

    async with (
        open_office(postgres_url, [Agent("clerk")], Says(lambda _: Answer(text="ok"))) as working,
        Baton(agents=[Agent("clerk")], database=postgres_url, dispatch=False) as baton,
    ):
        submitting = [asyncio.create_task(submit(baton, who)) for who in range(4)]
        await reached(lambda: len(acknowledged) >= 10)
        await asyncio.to_thread(postgres.restart if how == "restart" else postgres.cut)
        here = len(acknowledged)
        await reached(lambda: len(acknowledged) >= here + 10)
        stop.set()
        await soon(asyncio.gather(*submitting))
        known = {run.key for run in await baton.runs()}
        assert set(acknowledged) <= known
        await until(working.ledger, lambda tx: not runs.listed(tx, statuses=["ready", "waiting"]))
        assert {run.status for run in await baton.runs()} == {"done"}
    assert all("password" not in str(error) for error in refused)


async def _hold(ledger: Ledger) -> Hold:
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    lease = await ledger.write(lambda tx: leases.take(tx, run, "me", 30))
    assert lease is not None
    return Hold(ledger, lease)


async def test_work_whose_connection_dies_is_run_again_and_stands_once(
    postgres: PostgresServer, ledger: Ledger
) -> None:
    hold, tries = await _hold(ledger), list[int]()

    def work(tx: Transaction) -> None:
        tries.append(1)
        bodies.store(tx, "kept once")
        if len(tries) == 1:
            postgres.cut()
        bodies.store(tx, "and this")

    await hold.write(work)
    assert len(tries) == 2
    assert (await _texts(ledger))[1:] == ["kept once", "and this"]


async def test_a_commit_that_nobody_can_tell_of_is_not_tried_again(postgres: PostgresServer, ledger: Ledger) -> None:
    """It may stand or not: what follows it in the same hold is refused, and a new hold reads how it is."""
    hold, tries = await _hold(ledger), list[int]()

    def work(tx: Transaction) -> None:
        tries.append(1)
        bodies.store(tx, "perhaps")
        postgres.cut()

    with pytest.raises(LedgerUnreachable, match="has ended the connection"):
        await hold.write(work)
    with pytest.raises(LedgerUnreachable):
        await hold.write(_storing("rests on it"))
    assert len(tries) == 1
    await Hold(ledger, hold.lease).write(lambda tx: leases.park(tx, hold.lease))
    assert "rests on it" not in await _texts(ledger)


async def test_what_a_server_that_is_gone_was_not_told_is_refused(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.ledger.writers._PAUSES", (0.01, 0.01))
    url = postgres.record()
    ledger = await Ledger.open(url)
    await ledger.write(_storing("before"))
    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(LedgerUnreachable, match="does not answer"):
            await soon(ledger.write(_storing("lost")))
        with pytest.raises(LedgerUnreachable, match="does not answer"):
            await soon(ledger.read(runs.listed))
        with pytest.raises(LedgerUnreachable):
            await soon(Ledger.open(url))
    finally:
        await asyncio.to_thread(postgres.start)
    await ledger.write(_storing("after"))
    assert await _texts(ledger) == ["before", "after"]
    await ledger.close()


async def test_a_database_that_may_only_be_read_is_told(
    postgres: PostgresServer, postgres_url: str, ledger: Ledger
) -> None:
    await ledger.write(_storing("before"))
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    name = urlsplit(postgres_url).path[1:]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    again = await Ledger.open(postgres_url)
    with pytest.raises(LedgerReadOnly, match="can only be read now"):
        await again.write(_storing("refused"))
    with pytest.raises(LedgerReadOnly):
        await again.write(lambda tx: mail.post(tx, run, "user", sender="ann", text="refused"))
    assert "before" in await _texts(again)
    await again.close()


async def test_a_table_that_somebody_holds_is_waited_for_and_then_told(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_postgres, "_SETTINGS", "-c lock_timeout=300")
    ledger = await Ledger.open(postgres_url)
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE bodies IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerLocked, match="another transaction holds what this one needs"):
            await soon(ledger.write(_storing("refused")))
        waiting = asyncio.ensure_future(ledger.write(_storing("kept")))
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        await reached(lambda: other.execute(blocked).fetchone() != (0,))
        other.rollback()
        await soon(waiting)
    assert await _texts(ledger) == ["kept"]
    await ledger.close()


async def test_a_full_disk_is_told(ledger: Ledger) -> None:
    """Not a full disk, which only root could make, but the very error that Postgres gives for one."""
    full = "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'"
    await ledger.write(_storing("before"))
    for sql in (
        f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {full}; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON bodies EXECUTE FUNCTION full_disk()",
    ):
        await ledger.write(partial(Transaction.execute, statement=text(sql)))
    with pytest.raises(LedgerFull, match="no space is left on its disk"):
        await ledger.write(_storing("refused"))
    others: list[asyncio.Future[Any]] = [ledger.post(_storing("refused")), ledger.post(lambda tx: 1)]
    done = await asyncio.gather(*others, return_exceptions=True)
    assert isinstance(done[0], LedgerFull)
    assert done[1] == 1
    await ledger.write(lambda tx: tx.execute(text("DROP TRIGGER full_disk ON bodies")))
    await ledger.write(_storing("after"))
    assert await _texts(ledger) == ["before", "after"]


async def test_a_failure_that_a_piece_of_work_keeps_to_itself_is_not_committed_as_if_nothing_were(
    ledger: Ledger,
) -> None:
    """Postgres answers COMMIT of a transaction in which something failed with a quiet ROLLBACK."""

    def swallow(tx: Transaction) -> None:
        bodies.store(tx, "nobody hears that this is gone")
        with contextlib.suppress(Exception):
            tx.connection.exec_driver_sql("SELECT 1/0")

    with pytest.raises(LedgerError, match="nothing of this transaction stands"):
        await ledger.write(swallow)
    assert await _texts(ledger) == []


async def test_a_transaction_that_stands_still_is_ended_and_its_rows_are_free(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is stopped in the middle of a transaction (SIGSTOP) holds nobody up for long."""
    monkeypatch.setattr(ledger_postgres, "_SETTINGS", "-c idle_in_transaction_session_timeout=300")
    stopped, other = await Ledger.open(postgres_url), await Ledger.open(postgres_url)
    run, _ = await other.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    lease = await other.write(lambda tx: leases.take(tx, run, "stopped", 0.0))
    assert lease is not None
    go_on, tries = asyncio.Event(), list[int]()
    loop = asyncio.get_running_loop()

    def stand_still(tx: Transaction) -> None:
        tries.append(1)
        if len(tries) == 1:
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        bodies.store(tx, "by the one that stood still")

    standing = asyncio.ensure_future(Hold(stopped, lease).write(stand_still))
    await reached(lambda: tries)
    taken = None
    async with asyncio.timeout(PATIENCE):
        while taken is None:
            taken = await other.write(lambda tx: leases.take(tx, run, "other", 30))
    go_on.set()
    with pytest.raises(Superseded):
        await soon(standing)
    assert "by the one that stood still" not in await _texts(other)
    await stopped.close()
    await other.close()


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "/nowhere"}, 'database "nowhere" does not exist.*Check the name, the user and the password'),
        ({"netloc": f"nobody:{SECRET}@"}, 'role "nobody" does not exist.*Check the name, the user and the password'),
        ({"netloc": f"ann:{SECRET}@127.0.0.1:1", "query": ""}, "does not answer.*Connection refused"),
        ({"netloc": f"ann:{SECRET}@", "query": "host=/nowhere"}, "does not answer.*No such file"),
        ({"netloc": f"ann:{SECRET}@", "query": f"host=/nowhere&password={SECRET}"}, "does not answer.*No such file"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_without_its_password(
    postgres: PostgresServer, change: dict[str, str], said: str
) -> None:
    url = urlunsplit(urlsplit(postgres.url)._replace(**change))
    with pytest.raises(LedgerError) as caught:
        await Ledger.open(url)
    assert re.search(said, str(caught.value))
    assert SECRET not in str(caught.value)


async def test_a_wrong_password_is_told(postgres: PostgresServer) -> None:
    postgres.execute("CREATE ROLE ann LOGIN PASSWORD 'right'")
    rules = postgres.folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local all ann scram-sha-256\n" + before)
    try:
        await asyncio.to_thread(postgres.restart)
        with pytest.raises(LedgerError, match=r"password authentication failed.*Check the name") as caught:
            await Ledger.open(postgres.url.replace("postgres:@", f"ann:{SECRET}@"))
        assert SECRET not in str(caught.value)
    finally:
        rules.write_text(before)
        await asyncio.to_thread(postgres.restart)


@pytest.mark.parametrize("url", [f"postgresql://ann:{SECRET}@host", f"postgresql://ann:{SECRET}@host:port/name"])
async def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidValue, match="give postgresql://") as caught:
        await Ledger.open(url)
    assert SECRET not in str(caught.value)


async def test_foreign_tables_are_refused_and_not_touched(postgres: PostgresServer) -> None:
    url = postgres.database()
    postgres.execute("CREATE TABLE customers (name text)", url)
    with pytest.raises(LedgerVersion, match=r"holds other tables \(customers\)\. Name another one"):
        await Ledger.open(url)
    with psycopg.connect(url) as raw:
        found = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert found == [("customers",)]
    postgres.drop(url)


@pytest.mark.parametrize(
    ("version", "said"),
    [(HEAD + 1, "Upgrade Baton on this machine"), (HEAD - 1, "Stop the workers that run older code, then run `baton")],
)
async def test_another_version_is_refused_and_says_what_to_do(
    postgres: PostgresServer, postgres_url: str, version: int, said: str
) -> None:
    postgres.execute(f"UPDATE migrations SET version = {version}", postgres_url)
    with pytest.raises(LedgerVersion, match=f"is of version {version}, this Baton .* {HEAD}. {said}"):
        await Ledger.open(postgres_url)


async def test_several_that_open_an_empty_database_at_once_make_its_tables_once(postgres: PostgresServer) -> None:
    url = postgres.database()
    opened = await soon(asyncio.gather(*(Ledger.open(url) for _ in range(6))))
    assert await text_rows(opened[0], "SELECT version FROM migrations") == [(HEAD,)]
    for ledger in opened:
        await ledger.close()
    postgres.drop(url)


async def test_the_clock_is_the_servers(postgres_url: str) -> None:
    ledger = await Ledger.open(postgres_url)
    told = await ledger.write(lambda tx: (tx.value(text("SELECT extract(epoch FROM clock_timestamp())")), tx.now))
    assert abs(float(told[0]) - told[1]) < 5
    assert abs(told[1] - time.time()) < 5
    await ledger.close()
