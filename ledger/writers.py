"""Who runs the transactions: one thread that groups them, or several side by side.

Both keep the order of what is handed over under one name (a run's), and give each piece of work a savepoint of its
own, so that a stale worker's write undoes only itself.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from baton.core import Clock, RunId
from baton.ledger.database import Database
from baton.ledger.transaction import Transaction, Work

_BATCH = 256
_PAUSES = (0.02, 0.1, 0.5, 1.0, 2.0)  # between tries of a transaction that lost to another, or its connection


@dataclass(eq=False)
class Item:
    """One piece of work, and what came of it.

    Attributes:
        order: Work with the same name is done in the order it was handed over; None stands alone.
        lost: Told, in the writer's thread and before any later work of that name, that this work is undone for good.
    """

    work: Work[Any]
    future: asyncio.Future[Any]
    order: str | None = None
    lost: Callable[[BaseException], None] | None = None
    value: Any = None
    error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Note that the work is undone."""
        if self.error is None:
            self.error = error
            if self.lost is not None:
                self.lost(error)


@dataclass(frozen=True)
class News:
    """What a transaction changed that somebody may wait for.

    Attributes:
        woken: Runs that became ready.
        noted: Runs that got events.
        times: When something that was set becomes due.
    """

    woken: frozenset[RunId]
    noted: frozenset[RunId]
    times: frozenset[float]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.woken or self.noted or self.times)


Tell = Callable[[Sequence[Item], News], None]
"""Called in a writer's thread once the items are committed, or undone."""


class Writer(Protocol):
    """Runs what is handed over, in transactions."""

    def hand(self, items: Sequence[Item]) -> None:
        """Take over what one turn of the event loop has handed in."""
        ...

    def close(self) -> None:
        """Finish what was handed over, then end. Blocks."""
        ...


class OneWriter:
    """One thread; whatever waits goes into one transaction, so that many runs share one fsync."""

    def __init__(self, database: Database, clock: Clock, tell: Tell) -> None:
        self._database, self._clock, self._tell = database, clock, tell
        self._queue: queue.SimpleQueue[Sequence[Item] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="baton-write", daemon=True)
        self._thread.start()

    def hand(self, items: Sequence[Item]) -> None:
        """Queue the items; they are committed together."""
        self._queue.put(items)

    def close(self) -> None:
        """Finish what was handed over, then end. Blocks."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        stopping = False
        while not stopping:
            items: list[Item] = []
            entry = self._queue.get()
            while True:
                if entry is None:
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
                self._tell(items, commit(self._database, self._clock, items))


class ManyWriters:
    """Several threads; what shares a name goes in order, and together where it was handed over together."""

    def __init__(self, database: Database, clock: Clock, tell: Tell) -> None:
        self._database, self._clock, self._tell = database, clock, tell
        self._threads = ThreadPoolExecutor(database.writers, thread_name_prefix="baton-write")
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Item]] = {}

    def hand(self, items: Sequence[Item]) -> None:
        """Queue the items behind those of the same name."""
        fresh: list[str] = []
        with self._lock:
            for item in items:
                if item.order is None:
                    self._threads.submit(self._alone, item)
                elif item.order in self._waiting:
                    self._waiting[item.order].append(item)
                else:
                    self._waiting[item.order] = deque([item])
                    fresh.append(item.order)
        for name in fresh:
            self._threads.submit(self._serve, name)

    def close(self) -> None:
        """Finish what was handed over, then end. Blocks."""
        self._threads.shutdown()

    def _alone(self, item: Item) -> None:
        self._tell([item], commit(self._database, self._clock, [item]))

    def _serve(self, name: str) -> None:
        while True:
            with self._lock:
                items = list(self._waiting[name])
                if not items:
                    del self._waiting[name]
                    return
                self._waiting[name].clear()
            self._tell(items, commit(self._database, self._clock, items))


def commit(database: Database, clock: Clock, items: Sequence[Item]) -> News:
    """Run the items in one transaction; what each came to stands in it afterwards."""
    pauses = iter(_PAUSES)
    while True:
        batch = _Batch(database, clock)
        try:
            return batch.run(items)
        except BaseException as error:
            pause = next(pauses, None)
            if pause is None or batch.committing or not database.passing(error):
                for item in items:
                    item.fail(error)
                return News(frozenset(), frozenset(), frozenset())
        time.sleep(pause)


class _Batch:
    """One try of a transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._done: list[Transaction] = []
        self.committing = False  # from here on, a failure does not tell whether the work stands

    def run(self, items: Sequence[Item]) -> News:
        with self._database.writing() as connection:
            for item in items:
                if item.error is None:  # an earlier try may have settled that it fails
                    self._one(item, Transaction(connection, self._clock.now()), alone=len(items) == 1)
            news = self._news()
            with self._database.errors():
                self._database.announce(connection, news.woken, news.times)
            self.committing = True
        return news

    def _one(self, item: Item, transaction: Transaction, *, alone: bool) -> None:
        """Run one piece of work in a savepoint; alone in its transaction, a failure simply undoes that."""
        if alone:
            with self._database.errors():
                item.value = item.work(transaction)
            self._done.append(transaction)
            return
        connection = transaction.connection
        with self._database.errors():
            connection.exec_driver_sql("SAVEPOINT item")
        try:
            with self._database.errors():
                item.value = item.work(transaction)
            self._done.append(transaction)
        except BaseException as error:
            if self._database.passing(error) or not self._database.in_transaction(connection):
                raise  # the whole transaction is gone, or had better be: nobody's work stands
            with self._database.errors():
                connection.exec_driver_sql("ROLLBACK TO item")
            item.fail(error)
        with self._database.errors():
            connection.exec_driver_sql("RELEASE item")

    def _news(self) -> News:
        return News(
            frozenset(run for tx in self._done for run in tx.woken),
            frozenset(run for tx in self._done for run in tx.noted),
            frozenset(time for tx in self._done for time in tx.times),
        )
