"""The one write door, and the readers beside it.

Everything that changes the record goes through `Ledger.write(fn)`. On SQLite one thread owns the writing connection:
it takes every `fn` that waits, runs each in a SAVEPOINT of its own, and commits them together, so that many runs
share one fsync and one stale worker rolls back only itself. What one turn of the event loop hands over travels as one
item, in order (LangGraph's writes, its checkpoint and the rows that ride with them become one commit).
"""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable

from baton.core import Clock, LedgerError, RunId, SystemClock
from baton.ledger.migrations import migrate
from baton.ledger.sqlite import Database, told

T = TypeVar("T")
_BATCH = 256
_READERS = 2


@dataclass
class Transaction:
    """What a function handed to the ledger works with.

    Statements that run often are built once, with bound parameters, and given their values here: building one takes
    longer than SQLite takes to run it.

    Attributes:
        connection: For SQLAlchemy Core statements.
        now: The time of this transaction, seconds since 1970.
        woken: Runs that became ready in it; told to the engine after the commit.
        noted: Runs that got events in it; told to whoever follows them.
    """

    connection: Connection
    now: float
    woken: set[RunId] = field(default_factory=set[RunId])
    noted: set[RunId] = field(default_factory=set[RunId])

    def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
    ) -> None:
        """Run a statement for one row of values, or for several."""
        if rows is None or rows:
            self.connection.execute(statement, rows)

    def rows(self, statement: Executable, **values: Any) -> list[Any]:
        """All rows of a SELECT; `values` are those of its bound parameters."""
        return list(self.connection.execute(statement, values))

    def row(self, statement: Executable, **values: Any) -> Any:
        """The first row of a SELECT; None if there is none."""
        return self.connection.execute(statement, values).first()

    def value(self, statement: Executable, **values: Any) -> Any:
        """The first column of the first row; None if there is none."""
        return self.connection.execute(statement, values).scalar()

    def values(self, statement: Executable, **values: Any) -> list[Any]:
        """The first column of every row."""
        return list(self.connection.execute(statement, values).scalars())

    def changed(self, statement: Executable, **values: Any) -> int:
        """Run an UPDATE or DELETE; the number of rows it touched."""
        result = self.connection.execute(statement, values)
        assert isinstance(result, CursorResult)
        return result.rowcount


Work = Callable[[Transaction], T]
Listener = Callable[[frozenset[RunId], frozenset[RunId]], None]
"""Told after a commit: the runs it woke, and the runs it gave events."""


@dataclass(eq=False)
class _Item:
    work: Work[Any]
    future: asyncio.Future[Any]
    lost: Callable[[BaseException], None] | None = None
    value: Any = None
    error: BaseException | None = None


@dataclass(eq=False)
class _Stop:
    pass


class Ledger:
    """The database of record. Open it with `Ledger.open`, close it with `close`.

    One event loop uses one ledger; other processes may open the same file.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self._handed: list[_Item] = []
        self._queue: queue.SimpleQueue[list[_Item] | _Stop] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="baton-read")
        self._writer = threading.Thread(target=self._serve, name="baton-write", daemon=True)
        self._closed = False
        self._writer.start()

    @classmethod
    async def open(cls, url: str, clock: Clock | None = None) -> "Ledger":
        """Open a database, creating or migrating its tables.

        Args:
            url: A path, or `sqlite:///path`; `:memory:` is not a record and is refused.
            clock: Where the time comes from; None is the machine's.

        Raises:
            LedgerError: if it cannot be opened, is locked, read-only, foreign or too new; says which.
        """
        clock = clock or SystemClock()
        database = Database(url)
        await asyncio.to_thread(database.prepare, lambda connection: migrate(connection, database.name, clock.now()))
        return cls(database, clock)

    async def close(self) -> None:
        """Commit what was handed over, then close."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        self._queue.put(_Stop())
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        self.database.close()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called in the event loop after commits; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def post(self, work: Work[T], lost: Callable[[BaseException], None] | None = None) -> "asyncio.Future[T]":
        """Hand `work` to the writer without waiting; the future is done once it is committed.

        `lost` is called in the writer's thread if the commit fails, before any later work runs.
        """
        if self._closed:
            raise LedgerError(self.database.name, "is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._handed:
            self._loop.call_soon(self._hand_over)
        self._handed.append(_Item(work, future, lost))
        return future

    def write(self, work: Work[T], lost: Callable[[BaseException], None] | None = None) -> Awaitable[T]:
        """Run `work` in the next transaction; done once that is committed.

        An exception from `work` undoes only what this `work` did, and is raised here. For `lost` see `post`.
        """
        return asyncio.shield(self.post(work, lost))

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a consistent snapshot, beside the writer."""
        if self._closed:
            raise LedgerError(self.database.name, "is closed")
        return await self._loop.run_in_executor(self._readers, self._read, work)

    def _hand_over(self) -> None:
        if self._handed:
            items, self._handed = self._handed, []
            self._queue.put(items)

    def _read(self, work: Work[T]) -> T:
        with self.database.reading() as connection, told(self.database.name):
            return work(Transaction(connection, self.clock.now()))

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            items: list[_Item] = []
            entry: list[_Item] | _Stop = self._queue.get()
            while True:
                if isinstance(entry, _Stop):
                    stopping = True
                    break
                items += entry
                if len(items) >= _BATCH:
                    break
                try:
                    entry = self._queue.get_nowait()
                except queue.Empty:
                    break
            if items:
                self._commit(items)

    def _commit(self, items: list[_Item]) -> None:
        woken: set[RunId] = set()
        noted: set[RunId] = set()
        try:
            with self.database.writing() as connection:
                for item in items:
                    transaction = Transaction(connection, self.clock.now())
                    self._run(item, transaction, alone=len(items) == 1)
                    if item.error is None:
                        woken |= transaction.woken
                        noted |= transaction.noted
        except BaseException as error:
            for item in items:
                item.error = item.error or error
                if item.lost is not None:
                    item.lost(error)
            woken, noted = set(), set()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, items, frozenset(woken), frozenset(noted))

    def _run(self, item: _Item, transaction: Transaction, *, alone: bool) -> None:
        """Run one piece of work in a savepoint; alone in its transaction, a failure simply undoes that."""
        if alone:
            with told(self.database.name):
                item.value = item.work(transaction)
            return
        with told(self.database.name):
            transaction.connection.exec_driver_sql("SAVEPOINT item")
        try:
            with told(self.database.name):
                item.value = item.work(transaction)
        except BaseException as error:
            item.error = error
            if not self.database.in_transaction(transaction.connection):
                raise  # SQLite itself rolled everything back (a full disk, an I/O error): nobody's work stands
            transaction.connection.exec_driver_sql("ROLLBACK TO item")
        transaction.connection.exec_driver_sql("RELEASE item")

    def _tell(self, items: Iterable[_Item], woken: frozenset[RunId], noted: frozenset[RunId]) -> None:
        for item in items:
            if item.future.cancelled():
                continue
            if item.error is None:
                item.future.set_result(item.value)
            else:
                item.future.set_exception(item.error)
        if woken or noted:
            for listener in tuple(self._listeners):
                listener(woken, noted)
