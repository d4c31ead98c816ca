"""A database that is locked, read-only, full, foreign or too new: told in our words, nothing acknowledged is lost."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from baton.core import (
    BodyId,
    Goal,
    InvalidValue,
    LedgerError,
    LedgerFull,
    LedgerLocked,
    LedgerReadOnly,
    LedgerVersion,
    RunId,
    Superseded,
)
from baton.graph import Hold
from baton.ledger import Ledger, Line, Transaction, Work, bodies, leases, runs, sqlite, transcript
from baton.ledger.migrations import HEAD
from support import text_rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)


@pytest.fixture
async def ledger(path: Path) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(str(path))
    yield opened
    await opened.close()


@pytest.fixture
def other(path: Path, ledger: Ledger) -> Iterator[sqlite3.Connection]:
    """Another process's connection to the same file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def _storing(body: str) -> Work[BodyId]:
    return lambda tx: bodies.store(tx, body)


async def _texts(ledger: Ledger) -> list[str]:
    return [row[0] for row in await text_rows(ledger, "SELECT text FROM bodies ORDER BY id")]


async def test_a_lock_of_another_process_is_told_and_over_once_it_is_gone(
    ledger: Ledger, other: sqlite3.Connection
) -> None:
    await ledger.write(lambda tx: bodies.store(tx, "before"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(
        LedgerLocked, match=r"baton\.db: another process has held it for over 0\.1 s\. End that process"
    ):
        await ledger.write(lambda tx: bodies.store(tx, "refused"))
    assert await _texts(ledger) == ["before"]  # readers go on

    other.execute("ROLLBACK")
    await ledger.write(lambda tx: bodies.store(tx, "after"))
    assert await _texts(ledger) == ["before", "after"]


async def test_opening_a_locked_database_is_told(path: Path, ledger: Ledger, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerLocked):
        await Ledger.open(str(path))


async def test_a_read_only_database_is_told(ledger: Ledger) -> None:
    await ledger.write(lambda tx: bodies.store(tx, "before"))
    await ledger.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA query_only=ON"))
    assert await _texts(ledger) == ["before"]
    with pytest.raises(LedgerReadOnly, match=r"cannot be written\. Check the rights"):
        await ledger.write(lambda tx: bodies.store(tx, "refused"))
    assert await _texts(ledger) == ["before"]


async def test_a_full_disk_loses_nothing_that_was_acknowledged(path: Path, ledger: Ledger) -> None:
    stored = await _fill(ledger)
    assert stored
    with pytest.raises(LedgerFull, match=r"no space is left on its disk\. Free some and try again; nothing was lost"):
        await ledger.write(lambda tx: bodies.store(tx, "x" * 20_000))

    await ledger.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA max_page_count=1000000"))
    await ledger.write(lambda tx: bodies.store(tx, "after"))
    assert await _texts(ledger) == [*stored, "after"]
    await ledger.close()

    again = await Ledger.open(str(path))
    assert await _texts(again) == [*stored, "after"]
    await again.close()


async def test_a_full_disk_fails_a_whole_batch_honestly(ledger: Ledger) -> None:
    stored = await _fill(ledger)
    futures = [ledger.post(_storing(str(n) + "y" * n * 20_000)) for n in range(4)]
    done: list[str] = []
    for number, future in enumerate(futures):
        try:
            await future
        except LedgerFull:
            continue
        done.append(str(number) + "y" * number * 20_000)
    assert len(done) < 4
    assert await _texts(ledger) == [*stored, *done]


async def _fill(ledger: Ledger) -> list[str]:
    """Let the database grow by a few pages only, and fill them; what was acknowledged."""

    def limit(tx: Transaction) -> None:
        pages = tx.value(text("PRAGMA page_count"))
        tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 8}")

    await ledger.write(limit)
    stored: list[str] = []
    for number in range(100):
        body = f"{number}:" + "x" * 1000
        try:
            await ledger.write(_storing(body))
        except LedgerFull:
            return stored
        stored.append(body)
    raise AssertionError("it never filled up")


async def test_a_hold_refuses_everything_after_a_commit_that_failed(ledger: Ledger, other: sqlite3.Connection) -> None:
    """What follows would rest on rows that are not there: a transcript line on the body of an unrecorded result."""
    hold = await _hold(ledger)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerLocked):
        await hold.write(lambda tx: bodies.store(tx, "the result of a tool"))
    other.execute("ROLLBACK")

    with pytest.raises(LedgerLocked):
        await hold.write(lambda tx: transcript.append(tx, hold.run, 0, [Line(role="tool", turn=1, text="x")]))
    await Hold(ledger, hold.lease).write(lambda tx: leases.park(tx, hold.lease))
    assert await text_rows(ledger, "SELECT * FROM transcript") == []


async def test_a_hold_refuses_what_waited_for_the_commit_that_failed(ledger: Ledger, other: sqlite3.Connection) -> None:
    """The writer itself knows: what is handed over before the event loop hears of the failure is refused too."""
    hold = await _hold(ledger)
    goals = len(await _texts(ledger))
    gate = threading.Event()
    ledger.post(lambda tx: gate.wait() and None)  # the writer is busy: what follows piles up behind it
    await asyncio.sleep(0)

    def fail(tx: Transaction) -> None:
        tx.connection.exec_driver_sql("ROLLBACK")  # as SQLite does by itself when the disk is full
        raise LedgerFull("it", "is full")

    hold.post(lambda tx: bodies.store(tx, "rolled back"))
    ledger.post(fail)
    await asyncio.sleep(0)
    later = [ledger.post(lambda tx: bodies.store(tx, "not of this hold")) for _ in range(300)]
    hold.post(lambda tx: bodies.store(tx, "must not stand"))
    gate.set()
    await asyncio.gather(*later, return_exceptions=True)
    with pytest.raises(LedgerError):
        await hold.write(lambda tx: None)
    assert not {"rolled back", "must not stand"} & set((await _texts(ledger))[goals:])


async def _hold(ledger: Ledger) -> Hold:
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    lease = await ledger.write(lambda tx: leases.take(tx, run, "me", 30))
    assert lease is not None
    return Hold(ledger, lease)


async def test_a_stale_epoch_is_refused_and_says_which_is_newer(ledger: Ledger) -> None:
    hold = await _hold(ledger)
    await ledger.write(lambda tx: tx.connection.execute(text("UPDATE runs SET lease_until = 0")))
    newer = await ledger.write(lambda tx: leases.take(tx, hold.run, "other", 30))
    assert newer is not None

    for work in (
        lambda tx: bodies.store(tx, "stale"),
        lambda tx: leases.renew(tx, hold.lease, 30),
        lambda tx: leases.park(tx, hold.lease),
        lambda tx: leases.pause(tx, hold.lease, "trouble", 1),
    ):
        with pytest.raises(Superseded, match="epoch 1 was superseded by 2"):
            await Hold(ledger, hold.lease).write(work)
    for work in (lambda tx: leases.renew(tx, hold.lease, 30), lambda tx: leases.park(tx, hold.lease)):
        with pytest.raises(Superseded):
            await ledger.write(work)
    assert "stale" not in await _texts(ledger)


@pytest.mark.parametrize("outcome", ["done", "refused", "failed", "cancelled"])
async def test_a_run_that_has_ended_stays_ended_when_its_worker_died_before_giving_the_lease_back(
    ledger: Ledger, outcome: "runs.Outcome"
) -> None:
    hold = await _hold(ledger)
    await hold.write(lambda tx: runs.end(tx, hold.run, outcome, "summary"))
    await ledger.write(lambda tx: tx.connection.execute(text("UPDATE runs SET lease_until = 0")))

    lease = await ledger.write(lambda tx: leases.take(tx, hold.run, "successor", 30))
    assert (await ledger.read(lambda tx: runs.get(tx, hold.run))).status == outcome
    if lease is not None:
        await ledger.write(lambda tx: leases.park(tx, lease))
    run = await ledger.read(lambda tx: runs.get(tx, hold.run))
    assert (run.status, run.summary) == (outcome, "summary")


async def test_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    await (await Ledger.open(str(path))).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO migrations VALUES (?, 0)", (HEAD + 1,))
    with pytest.raises(
        LedgerVersion, match=rf"is of version {HEAD + 1}, this Baton knows up to {HEAD}\. Upgrade Baton"
    ):
        await Ledger.open(str(path))


async def test_opening_twice_migrates_once(path: Path) -> None:
    for _ in range(2):
        await (await Ledger.open(str(path))).close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT version FROM migrations").fetchall() == [(HEAD,)]


def _bytes(path: Path) -> bytes:
    """What stands in the file; and there is no other beside it."""
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return path.read_bytes()


def _letter(path: Path) -> None:
    path.write_text("Dear Sir or Madam,\n" * 200)


async def test_a_foreign_database_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE customers (name)")
    before = _bytes(path)
    with pytest.raises(LedgerVersion, match=r"holds other tables \(customers\)\. Name another one"):
        await Ledger.open(str(path))
    assert _bytes(path) == before


async def test_a_file_that_is_no_database_is_refused_and_not_touched(path: Path) -> None:
    _letter(path)
    with pytest.raises(LedgerVersion, match="is no SQLite database"):
        await Ledger.open(str(path))
    assert _bytes(path).startswith(b"Dear Sir")


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="its folder cannot be made"):
        await Ledger.open(str(tmp_path / "file" / "baton.db"))


async def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        await Ledger.open(str(tmp_path))


@pytest.mark.parametrize("url", [":memory:", "sqlite:///:memory:", "sqlite:///", "mysql://x/y"])
async def test_an_address_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue, match="database"):
        await Ledger.open(url)


async def test_using_a_closed_ledger_is_told(path: Path) -> None:
    ledger = await Ledger.open(str(path))
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerError, match="is closed"):
        await ledger.write(lambda tx: bodies.store(tx, "x"))
    with pytest.raises(LedgerError, match="is closed"):
        await ledger.read(lambda tx: runs.find(tx, RunId("run_1")))
