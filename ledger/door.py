"""The one write door, and the readers beside it.

Everything that changes the record goes through `Ledger.write(fn)`. What one turn of the event loop hands over under
one name travels together, in order: LangGraph's writes, its checkpoint and the rows that ride with them become one
commit. On SQLite one thread commits what many runs hand over at once; on Postgres several threads do, side by side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar

from baton.core import Clock, InvalidValue, LedgerError, OffsetClock, SystemClock
from baton.ledger.asked import tell
from baton.ledger.database import Database
from baton.ledger.gathering import Question
from baton.ledger.lanes import Lanes
from baton.ledger.readers import Readers
from baton.ledger.sqlite import SqliteDatabase
from baton.ledger.transaction import Work, confined
from baton.ledger.writers import Item, News, OneWriter, Writer

T = TypeVar("T")

Listener = Callable[[News], None]
"""Told after a commit what it changed."""


class Ledger:
    """The database of record. Open it with `Ledger.open`, close it with `close`.

    One event loop uses one ledger; other processes may open the same database.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Listener] = []
        self._handed: list[Item] = []
        self._readers = Readers(database, clock, self._loop)
        self._writer: Writer
        if database.pipe is None:
            self._writer = OneWriter(database, clock, self._committed)
        else:
            self._writer = Lanes(database, database.pipe, clock, self._committed)
        self._closed = False

    @classmethod
    async def open(cls, url: str, clock: Clock | None = None) -> "Ledger":
        """Open a database, making its tables where there are none.

        Args:
            url: A file's path or `sqlite:///path`; or `postgresql://user@host/name`.
            clock: Where the time comes from; None is the database server's clock, or the machine's for a file.

        Raises:
            LedgerError: if it cannot be opened, is locked, read-only, foreign, too old or too new; says which.
        """
        machine = clock or SystemClock()
        database = database_of(url)
        await asyncio.to_thread(database.prepare, machine.now)
        if clock is None:
            clock = await asyncio.to_thread(OffsetClock, machine, database.offset)
        return cls(database, clock)

    def within(self, tenant: str | None) -> "Ledger":
        """The same ledger, in which there is what is of one tenant and nothing else; None is everybody's."""
        return self if tenant is None else _Within(self, tenant)

    async def close(self) -> None:
        """Commit what was handed over, then close."""
        if self._closed:
            return
        self._closed = True
        self._hand_over()
        await self._writer.close()
        self._readers.hand_over()
        await asyncio.to_thread(self._readers.close)
        self.database.close()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called in the event loop after commits; returns what ends that, once or several times."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def post(
        self,
        work: Work[T],
        lost: Callable[[BaseException], None] | None = None,
        order: str | None = None,
        *,
        fenced: bool = False,
        repeatable: bool = False,
        alone: bool = False,
    ) -> "asyncio.Future[T]":
        """Hand `work` to the writer without waiting; the future is done once it is committed.

        Args:
            work: Changes the record. It may be run again where its transaction had to give way to another.
            lost: Called in the writer's thread, before any later work of the same `order`, if this is undone for good.
            order: Work under one name, such as a run's id, is done in the order in which it is handed over.
            fenced: Whether `order` is a run's id and `work` begins with `leases.fence`: many fences cost one question.
            repeatable: Whether fenced `work` done twice leaves what it leaves done once. If it also asks nothing of the
                database, Postgres is sent it in one message.
            alone: Whether it is to share no transaction where several run at once: it waits for rows that others hold,
                and must hold none of other work's meanwhile.
        """
        if self._closed:
            raise LedgerError(self.database.name, "is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._handed:
            self._loop.call_soon(self._hand_over)
        self._handed.append(Item(work, future, order, fenced, lost, repeatable, alone))
        return future

    def write(
        self,
        work: Work[T],
        lost: Callable[[BaseException], None] | None = None,
        order: str | None = None,
        *,
        fenced: bool = False,
        repeatable: bool = False,
        alone: bool = False,
    ) -> Awaitable[T]:
        """Run `work` in the next transaction; done once that is committed.

        An exception from `work` undoes only what this `work` did, and is raised here. For the others see `post`.
        """
        return self.post(work, lost, order, fenced=fenced, repeatable=repeatable, alone=alone)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a consistent snapshot, beside the writers."""
        if self._closed:
            raise LedgerError(self.database.name, "is closed")
        found: T = await self._readers.read(work)
        return found

    async def ask(self, questions: Sequence[Question]) -> list[list[Any]] | None:
        """The rows of SELECTs on one snapshot, without a thread; None where that is not possible, and `read` is."""
        if self._closed:
            raise LedgerError(self.database.name, "is closed")
        answer = self._writer.ask(questions)
        return None if answer is None else await answer

    async def version(self) -> Hashable:
        """Differs from an earlier answer once somebody, in whichever process, has committed."""
        if self._closed:
            raise LedgerError(self.database.name, "is closed")
        if self.database.writers == 1:
            return self.database.version()  # SQLite reads it from shared memory: no thread is worth it
        return await self._readers.version()

    def _hand_over(self) -> None:
        if self._handed:
            items, self._handed = self._handed, []
            self._writer.hand(items)

    def _committed(self, items: Sequence[Item], news: News) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell, items, news)

    def _tell(self, items: Sequence[Item], news: News) -> None:
        tell(items)
        if news:
            for listener in tuple(self._listeners):
                listener(news)


class _Within(Ledger):
    """A ledger as one tenant sees it. Whoever opened the ledger closes it."""

    def __init__(self, whole: Ledger, tenant: str) -> None:
        self.database, self.clock = whole.database, whole.clock
        self._whole, self._tenant = whole, tenant

    def within(self, tenant: str | None) -> Ledger:
        if tenant != self._tenant:
            raise InvalidValue("tenant", tenant, f"{self._tenant}: it sees nothing else")
        return self

    async def close(self) -> None:
        raise LedgerError(self.database.name, "is closed by whoever opened it")

    def listen(self, listener: Listener) -> Callable[[], None]:
        return self._whole.listen(listener)

    def post(
        self,
        work: Work[T],
        lost: Callable[[BaseException], None] | None = None,
        order: str | None = None,
        *,
        fenced: bool = False,
        repeatable: bool = False,
        alone: bool = False,
    ) -> "asyncio.Future[T]":
        within = confined(work, self._tenant)
        return self._whole.post(within, lost, order, fenced=fenced, repeatable=repeatable, alone=alone)

    async def read(self, work: Work[T]) -> T:
        return await self._whole.read(confined(work, self._tenant))

    async def ask(self, questions: Sequence[Question]) -> list[list[Any]] | None:
        return None  # nobody would look at whose rows those are

    async def version(self) -> Hashable:
        return await self._whole.version()


def database_of(url: str) -> Database:
    """The database that a path or URL names; nothing is opened yet.

    Raises:
        InvalidValue: if it names none that can hold a record.
    """
    if url.startswith(("postgresql://", "postgres://")):
        from baton.ledger.postgres import PostgresDatabase  # loads Procrastinate: only where it is used

        return PostgresDatabase(url)
    return SqliteDatabase(url)
