"""SQLite as the database of record: connections, their settings, and its errors in our words."""

import sqlite3
import threading
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from baton.core import (
    Conflict,
    InvalidValue,
    LedgerError,
    LedgerFull,
    LedgerLocked,
    LedgerReadOnly,
    LedgerVersion,
    RunId,
)
from baton.ledger.lock import DispatchLock
from baton.ledger.migrations import HEAD, migrate, stored_version
from baton.ledger.prepared import say

BUSY_SECONDS = 10.0
"""How long a transaction waits for another process before it gives up."""

_PRAGMAS = ("synchronous=FULL", "cache_size=-4000", "secure_delete=FAST")


class SqliteDatabase:
    """One SQLite file with one writing connection and one reading connection a thread."""

    writers = 1
    pipe = None
    readers = 2

    def __init__(self, url: str) -> None:
        """Name the file by its path or as `sqlite:///path`."""
        self.path = _path(url)
        self.name = self.url = str(self.path)
        self._engine = _engine(self.path)
        self._writer: Connection | None = None
        self._observer: Connection | None = None
        self._local = threading.local()
        self._open: list[Connection] = []

    def prepare(self, now: Callable[[], float]) -> None:
        """Create the file where there is none, and bring its tables up to date."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(self.name, f"its folder cannot be made: {error.strerror}") from error
        try:
            with self.writing() as connection:
                migrate(connection, self.name, now())
            with self.errors():
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # stays in the file, so it must be ours
        except BaseException:
            self.close()
            raise

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction on the writing connection: committed at the end, undone on an error."""
        with self.errors():
            if self._writer is None:
                self._writer = self._connect()
            connection = self._writer
            say(connection, "BEGIN IMMEDIATE")
        try:
            yield connection
            with self.errors():
                say(connection, "COMMIT")
        except BaseException:
            if self.in_transaction(connection):
                say(connection, "ROLLBACK")
            raise

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A snapshot on this thread's reading connection."""
        with self.errors():
            connection: Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
            say(connection, "BEGIN")
            try:
                yield connection
            finally:
                say(connection, "ROLLBACK")

    def version(self) -> int:
        """A number that changes with every commit by any connection; cheap enough to ask often."""
        with self.errors():
            if self._observer is None:
                self._observer = self._connect()
            value: int = self._observer.exec_driver_sql("PRAGMA data_version").scalar_one()
            return value

    def migrate(self, now: float) -> tuple[int, int]:
        """Bring the tables up to date, then close; the versions before (0 for none) and now."""
        before = self._version() if self.path.exists() else 0
        self.prepare(lambda: now)
        self.close()
        return before, HEAD

    def _version(self) -> int:
        with self.reading() as connection, self.errors():
            return stored_version(connection, self.name)

    def offset(self) -> float:
        """A file has no clock of its own."""
        return 0.0

    def announce(self, connection: Connection, woken: Collection[RunId], times: Collection[float]) -> None:
        """The dispatcher sees by itself that something was written."""

    def weigh(self, shares: Mapping[str, float]) -> None:
        """The dispatcher has them."""

    @contextmanager
    def alone(self, work: str) -> Generator[None]:
        """Keep other processes from dispatching meanwhile.

        Raises:
            Conflict: if one does; `work` is what cannot be done then.
        """
        lock = DispatchLock(self.path)
        if not lock.take():
            raise Conflict(work, f"{lock.holder()} lets agents work on {self.name}", "Stop it first.")
        try:
            yield
        finally:
            lock.release()

    def compact(self) -> None:
        """Give back to the disk what deleted rows took. It needs as much free space again, and writers wait."""
        with self.errors():
            connection = self._connect()
            for statement in ("VACUUM", "PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.exec_driver_sql(statement)

    def size(self) -> int:
        """Bytes on the disk."""
        files = (self.path, Path(f"{self.path}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def in_transaction(self, connection: Connection) -> bool:
        """Whether SQLite still holds the transaction that was begun on this connection."""
        driver = connection.connection.driver_connection
        return isinstance(driver, sqlite3.Connection) and driver.in_transaction

    @contextmanager
    def errors(self) -> Generator[None]:
        """Turn SQLite's errors into ours that say what to do."""
        try:
            yield
        except DBAPIError as error:
            raise explain(self.name, error.orig or error) from error
        except sqlite3.Error as error:
            raise explain(self.name, error) from error

    def passing(self, error: BaseException) -> bool:
        """Never: SQLite has waited for others already."""
        return False

    def close(self) -> None:
        """Close every connection."""
        for connection in self._open:
            connection.close()
        self._open.clear()
        self._engine.dispose()

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        self._open.append(connection)
        return connection


def explain(database: str, error: BaseException) -> LedgerError:
    """Our error for what SQLite said."""
    said = str(error)
    if "locked" in said or "busy" in said:
        problem = f"another process has held it for over {BUSY_SECONDS:g} s"
        return LedgerLocked(database, problem, "End that process, or try again; nothing was lost.")
    if "readonly" in said or "read-only" in said:
        return LedgerReadOnly(database, "cannot be written", "Check the rights of the file and its folder.")
    if "full" in said:
        return LedgerFull(database, "no space is left on its disk", "Free some and try again; nothing was lost.")
    if "not a database" in said or "malformed" in said:
        return LedgerVersion(database, f"is no SQLite database ({said})", "Name another file.")
    if "unable to open" in said:
        return LedgerError(database, "cannot be opened", "Check that its folder exists and may be written.")
    return LedgerError(database, said)


def _path(url: str) -> Path:
    prefix = "sqlite:///"
    if "://" in url and not url.startswith(prefix):
        raise InvalidValue("database", url, "a file's path or sqlite:///path")
    path = url.removeprefix(prefix)
    if path in ("", ":memory:"):
        raise InvalidValue("database", url, "a file's path: memory forgets, and a record must not")
    return Path(path).expanduser()


def _engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",  # we say BEGIN and COMMIT ourselves
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in (f"busy_timeout={int(BUSY_SECONDS * 1000)}", *_PRAGMAS):
        connection.execute(f"PRAGMA {pragma}").close()
