"""Postgres as the database of record: connections, their settings, and its errors in our words."""

import re
import threading
import time
from collections.abc import Callable, Collection, Generator, Hashable, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from procrastinate.exceptions import ConnectorException
from sqlalchemy import Connection, Engine, bindparam, create_engine, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from baton.core import (
    BatonError,
    InvalidValue,
    LedgerError,
    LedgerFull,
    LedgerLocked,
    LedgerReadOnly,
    LedgerUnreachable,
    LedgerVersion,
    RunId,
)
from baton.ledger import wakes
from baton.ledger.migrations import HEAD, migrate, stored_version
from baton.ledger.pipe import PostgresPipe
from baton.ledger.prepared import say
from baton.ledger.runs import PRIORITY_SECONDS
from baton.ledger.schema import runs
from baton.ledger.shares import Places

LOCK_SECONDS = 20.0
"""How long a transaction waits for a row that another one holds."""

IDLE_SECONDS = 10.0
"""How long a transaction may stand still, as that of a worker that was stopped, before the server ends it."""

_SETTINGS = (
    f"-c lock_timeout={int(LOCK_SECONDS * 1000)}"
    f" -c idle_in_transaction_session_timeout={int(IDLE_SECONDS * 1000)}"
    " -c synchronous_commit=on -c timezone=UTC"
)
_WOKEN = select(runs.c.id, runs.c.agent, runs.c.tenant, runs.c.created_at, runs.c.rank).where(
    runs.c.id.in_(bindparam("runs", expanding=True))
)
_MIGRATING = 0x6261746F6E  # "baton": the advisory lock under which tables are made
_GAVE_WAY = {"40001", "40P01"}  # serialisation, deadlock: another transaction went first
_WAITED = "55P03"  # the time to wait for a lock is over
_REFUSED = ("password", "authentication", "does not exist", "pg_hba.conf")  # connecting fails without an SQLSTATE
_SECRETS = re.compile(r"(?<=://)([^/@]*):[^/]*(?=@)|(?<=password=)[^&]*")


class PostgresDatabase:
    """One Postgres database, with one connection a thread."""

    path = None
    writers = 3
    readers = 4

    def __init__(self, url: str) -> None:
        """Name it as `postgresql://user:password@host/name`."""
        self.url = url
        self.name, self._engine = _engine(url)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        self._places = Places()

    def prepare(self, now: Callable[[], float]) -> None:
        """Make the tables in an empty database; refuse one that an older or newer Baton wrote."""
        try:
            with self.writing() as connection:
                if self.stored(connection) == 0:
                    self._migrate(connection, now())
                elif (version := self.stored(connection)) < HEAD:
                    hint = "Stop the workers that run older code, then run `baton db migrate`."
                    raise LedgerVersion(self.name, f"is of version {version}, this Baton needs {HEAD}", hint)
        except BaseException:
            self.close()
            raise

    def migrate(self, now: float) -> tuple[int, int]:
        """Bring the tables up to date, then close; the versions before (0 for none) and now."""
        try:
            with self.writing() as connection:
                return self._migrate(connection, now), HEAD
        finally:
            self.close()

    def stored(self, connection: Connection) -> int:
        """The version of the tables; 0 where there are none.

        Raises:
            LedgerVersion: if a newer Baton wrote them, or they are not Baton's.
        """
        with self.errors():
            version = stored_version(connection, self.name)
        if version > HEAD:
            hint = "Upgrade Baton on this machine, or name another database."
            raise LedgerVersion(self.name, f"is of version {version}, this Baton knows up to {HEAD}", hint)
        return version

    def _migrate(self, connection: Connection, now: float) -> int:
        with self.errors():
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            before = migrate(connection, self.name, now)
            if before == 0:
                _driver(connection).execute(wakes.schema().encode())
            return before

    def offset(self) -> float:
        """Seconds that the server's clock is ahead of this machine's, to half the time that asking takes."""
        with self.reading() as connection:
            asked = time.time()
            there = connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())::float8"))
            return float(there or asked) - (asked + time.time()) / 2

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A transaction on this thread's connection: committed at the end, undone on an error."""
        with self.errors():
            connection = self._begun("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            yield connection
            with self.errors():
                _commit(self.name, connection)
        except BaseException:
            self._undo(connection)
            raise

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A snapshot on this thread's connection."""
        with self.errors():
            connection = self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield connection
        finally:
            self._undo(connection)

    def pipe(self) -> PostgresPipe:
        """A new connection that takes a whole transaction in one message. Blocks."""
        with self.errors():
            connection = self._engine.connect()
            with self._lock:
                self._open.add(connection)
            return PostgresPipe(_driver(connection), partial(self._discard, connection))

    def weigh(self, shares: Mapping[str, float]) -> None:
        """Have runs that this process makes ready queued by these weights of tenants; who is not named has 1."""
        self._places = Places(shares)

    def announce(self, connection: Connection, woken: Collection[RunId], times: Collection[float]) -> None:
        """Defer the jobs that have a worker look, in the transaction itself."""
        if woken or times:
            rows = connection.execute(_WOKEN, {"runs": sorted(woken)}).all() if woken else ()
            found = [wakes.Woken(RunId(row.id), row.agent, row.tenant, _priority(row)) for row in rows]
            wakes.defer(_driver(connection), found, times, self._places)

    def version(self) -> Hashable:
        """The transactions that are visible now."""
        with self.reading() as connection, self.errors():
            snapshot: str | None = connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar()
            return snapshot

    @contextmanager
    def alone(self, work: str) -> Generator[None]:
        """Nobody need stop: Postgres gives room back beside those who work."""
        yield

    def compact(self) -> None:
        """Let deleted rows' room be used again, and have the planner know the tables as they are."""
        with self.errors(), self._engine.connect() as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")

    def size(self) -> int:
        """Bytes that the whole database takes on the server."""
        with self.reading() as connection, self.errors():
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)

    def in_transaction(self, connection: Connection) -> bool:
        """Whether a transaction that can still go on stands on the connection."""
        states = psycopg.pq.TransactionStatus
        return _driver(connection).info.transaction_status in (states.INTRANS, states.INERROR)

    @contextmanager
    def errors(self) -> Generator[None]:
        """Turn the driver's errors into ours that say what to do."""
        try:
            yield
        except DBAPIError as error:
            raise explain(self.name, error.orig or error) from error
        except psycopg.Error as error:
            raise explain(self.name, error) from error
        except ConnectorException as error:  # Procrastinate's, around the driver's
            raise explain(self.name, error.__cause__ or error) from error

    def passing(self, error: BaseException) -> bool:
        """A lost connection, and a deadlock; a lock that was waited for in vain is not waited for again."""
        if isinstance(error, LedgerError) and error.final:
            return False  # of an earlier transaction, on which this one rests
        gave_way = isinstance(error, LedgerLocked) and _state(error.__cause__) in _GAVE_WAY
        return gave_way or isinstance(error, LedgerUnreachable)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            connection.close()
        self._engine.dispose()

    def _begun(self, begin: str) -> Connection:
        """This thread's connection with a transaction begun; a new one where the old one is dead."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            try:
                say(connection, begin)
            except (SQLAlchemyError, psycopg.Error):
                self._drop(connection)
            else:
                return connection
        connection = self._local.connection = self._engine.connect()
        with self._lock:
            self._open.add(connection)
        say(connection, begin)
        return connection

    def _undo(self, connection: Connection) -> None:
        """Roll back; a connection that cannot is thrown away, which the server takes for the same."""
        try:
            say(connection, "ROLLBACK")
        except (SQLAlchemyError, psycopg.Error):  # also where SQLAlchemy has given the connection up by itself
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._local.connection = None
        self._discard(connection)

    def _discard(self, connection: Connection) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.invalidate()
        connection.close()


def _priority(row: Any) -> int:
    """Of a run's goal, from where it stands among its tenant's; what was handed over stands where its parent does."""
    steps: int = round((row.created_at - row.rank) / PRIORITY_SECONDS)
    return max(-3, min(3, steps))


def explain(database: str, error: BaseException) -> BatonError:
    """Our error for what Postgres or its driver said."""
    state = _state(error)
    said = str(error).strip().split("\n")[0].rpartition(" failed: ")[2]
    if state in _GAVE_WAY or state == _WAITED:
        problem = f"another transaction holds what this one needs ({said})"
        return LedgerLocked(database, problem, "Try again; nothing was lost.")
    if state == "25006":
        return LedgerReadOnly(database, "can only be read now", "Name the primary server, or wait until it is one.")
    if state == "53100":
        return LedgerFull(database, "no space is left on its disk", "Free some and try again; nothing was lost.")
    if state[:2] in ("3D", "28") or (not state and any(word in said for word in _REFUSED)):
        return LedgerError(database, said, "Check the name, the user and the password in the URL.")
    if state == "42501":
        return LedgerReadOnly(database, said, "Give the user the right to it.")
    if state[:2] in ("08", "57", "53", "25") or (not state and isinstance(error, psycopg.OperationalError)):
        hint = "Check that it runs; what was answered is safe, and a goal with a key may be submitted again."
        return LedgerUnreachable(database, f"the server does not answer or has ended the connection ({said})", hint)
    return LedgerError(database, said)


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    driver: psycopg.Connection[Any] | Any = connection.connection.driver_connection
    return driver


def _state(error: BaseException | None) -> str:
    """The SQLSTATE of what went wrong, however it is wrapped; empty where there is none."""
    while error is not None:
        state = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
        if state is not None:
            return str(state)
        error = error.__cause__
    return ""


def _commit(name: str, connection: Connection) -> None:
    """Commit; a transaction in which something has failed would be rolled back without a word.

    Raises:
        LedgerError: if something had failed that nobody heard of.
    """
    if _driver(connection).info.transaction_status is psycopg.pq.TransactionStatus.INERROR:
        raise LedgerError(name, "a statement has failed: nothing of this transaction stands")
    say(connection, "COMMIT")


def _shown(url: str) -> str:
    """A URL without its password."""
    return _SECRETS.sub(lambda found: f"{found[1]}:***" if found[1] is not None else "***", url)


def _engine(url: str) -> tuple[str, Engine]:
    """The name to show and the engine of a URL."""
    allowed = "postgresql://user:password@host:port/name"
    try:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError) as error:
        raise InvalidValue("database", _shown(url), allowed) from error
    if not parsed.database:
        raise InvalidValue("database", _shown(url), allowed)
    given = parsed.query.get("options", "")
    options = f"{given} {_SETTINGS}".strip() if isinstance(given, str) else _SETTINGS
    engine = create_engine(
        parsed,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",  # we say BEGIN and COMMIT ourselves
        connect_args=wakes.CONNECTING | {"options": options},
    )
    return _shown(url), engine
