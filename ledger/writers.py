"""Who runs the transactions: one thread that groups them, or several side by side.

Both keep the order of what is handed over under one name (a run's), and give each piece of work a savepoint of its
own, so that a stale worker's write undoes only itself.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from baton.core import Clock, LedgerError, RunId
from baton.ledger import leases
from baton.ledger.asked import Asked
from baton.ledger.database import Database
from baton.ledger.gathering import Question
from baton.ledger.prepared import say
from baton.ledger.transaction import Transaction

_BATCH = 256
_PAUSES = (0.02, 0.1, 0.5, 1.0, 2.0)  # between tries of a transaction that lost to another, or its connection


@dataclass(eq=False)
class Item(Asked):
    """One piece of work at the write door.

    Attributes:
        order: Work with the same name is done in the order it was handed over; None stands alone.
        fenced: Whether the name is a run's, whose epoch the work will ask for.
        lost: Told, in the writer's thread and before any later work of that name, that this work is undone for good.
        repeatable: Whether the work, if fenced, may be done once more where nobody knows whether it was.
        alone: Whether it is to hold no locks of other work: it has a transaction of its own where several run at once.
    """

    order: str | None = None
    fenced: bool = False
    lost: Callable[[BaseException], None] | None = None
    repeatable: bool = False
    alone: bool = False

    def fail(self, error: BaseException) -> None:
        """Note that the work is undone."""
        if self.error is None:
            self.error = error
            if isinstance(error, LedgerError):
                error.final = True
            if self.lost is not None:
                self.lost(error)


@dataclass(frozen=True)
class News:
    """What a transaction changed that somebody may wait for.

    Attributes:
        woken: Runs that became ready.
        noted: Runs that got events.
        rested: Runs that parked or ended.
        times: When something that was set becomes due.
    """

    woken: frozenset[RunId] = frozenset()
    noted: frozenset[RunId] = frozenset()
    rested: frozenset[RunId] = frozenset()
    times: frozenset[float] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.woken or self.noted or self.rested or self.times)


Tell = Callable[[Sequence[Item], News], None]
"""Called in a writer's thread once the items are committed, or undone."""


class Writer(Protocol):
    """Runs what is handed over, in transactions."""

    def hand(self, items: Sequence[Item]) -> None:
        """Take over what one turn of the event loop has handed in."""
        ...

    def ask(self, questions: Sequence[Question]) -> "asyncio.Future[list[list[Any]] | None] | None":
        """Ask without a thread where that is possible; the rows of each question, or None."""
        ...

    async def close(self) -> None:
        """Finish what was handed over, then end."""
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

    def ask(self, questions: Sequence[Question]) -> None:
        """SQLite is asked by threads."""

    async def close(self) -> None:
        """Finish what was handed over, then end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

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


def commit(database: Database, clock: Clock, items: Sequence[Item]) -> News:
    """Run the items in one transaction; what each came to stands in it afterwards.

    It is first tried without savepoints, which few need: when a piece of work fails, all are run again with them.
    """
    pauses = iter(_PAUSES)
    savepoints = False
    while True:
        batch = _Batch(database, clock)
        try:
            return batch.run([item for item in items if item.error is None], savepoints=savepoints)
        except BaseException as error:
            passing = not batch.committing and database.passing(error)
            pause = next(pauses, None) if passing else None
            if pause is not None:
                time.sleep(pause)
            elif batch.at_work and not passing and not savepoints and len(items) > 1:
                savepoints = True
            else:
                for item in items:
                    item.fail(error)
                return News()


class _Batch:
    """One try of a transaction.

    Attributes:
        at_work: Whether a piece of work is being run: what fails then is its own failure.
        committing: From here on, a failure does not tell whether the work stands.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._done: list[Transaction] = []
        self.at_work = self.committing = False

    def run(self, items: Sequence[Item], *, savepoints: bool) -> News:
        with self._database.writing() as connection:
            now = self._clock.now()
            if savepoints:
                for item in items:
                    self._guarded(item, Transaction(connection, now))
            else:
                self._together(items, Transaction(connection, now))
            news = self._news()
            with self._database.errors():
                self._database.announce(connection, news.woken, news.times)
            self.committing = True
        return news

    def _together(self, items: Sequence[Item], first: Transaction) -> None:
        """Run all work; what it puts off is written in one go, and the runs it writes for are held at once."""
        self._done.append(first)
        with self._database.errors():
            leases.hold(first, {RunId(item.order) for item in items if item.fenced and item.order})
            self.at_work = True
            for item in items:
                transaction = Transaction(first.connection, first.now, fenced=first.fenced, pending=first.pending)
                item.value = item.work(transaction)
                self._done.append(transaction)
            first.flush()
            self.at_work = False

    def _guarded(self, item: Item, transaction: Transaction) -> None:
        """Run one piece of work in a savepoint: its failure undoes what it did, and nothing else."""
        connection = transaction.connection
        with self._database.errors():
            say(connection, "SAVEPOINT item")
        try:
            with self._database.errors():
                item.value = item.work(transaction)
                transaction.flush()
            self._done.append(transaction)
        except BaseException as error:
            if self._database.passing(error) or not self._database.in_transaction(connection):
                raise  # the whole transaction is gone, or had better be: nobody's work stands
            with self._database.errors():
                say(connection, "ROLLBACK TO item")
            item.fail(error)
        with self._database.errors():
            say(connection, "RELEASE item")

    def _news(self) -> News:
        return News(
            frozenset(run for tx in self._done for run in tx.woken),
            frozenset(run for tx in self._done for run in tx.noted),
            frozenset(run for tx in self._done for run in tx.rested),
            frozenset(time for tx in self._done for time in tx.times),
        )
