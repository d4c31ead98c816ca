"""Waiting for something in the ledger, whichever process writes it."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from baton.core import LedgerError, RunId
from baton.ledger import Ledger, News, Transaction, runs

T = TypeVar("T")


@dataclass(frozen=True)
class Pending:
    """Not yet: it depends on these runs, and on nothing else."""

    runs: frozenset[RunId]


Look = Callable[[Transaction], T | Pending | None]
"""Looks for something in the ledger; None is not yet, and it may depend on anything."""

WATCH_SECONDS = 0.25
"""How often it is asked whether another process has written."""


class Watch:
    """Lets any number of tasks wait until something becomes true in the ledger.

    Each looks again only when one of its runs has changed: a thousand that wait cost a thousand looks in all, not a
    thousand for each change.
    """

    def __init__(self, ledger: Ledger, failure: Callable[[], LedgerError | None] = lambda: None) -> None:
        """`failure` says why this process's engine cannot use the ledger; None while it can."""
        self._ledger = ledger
        self._failure = failure
        self._changed, self._rested = _Changes(), _Changes()
        self._waiting: set[_Waiter] = set()
        self._unlisten: Callable[[], None] = lambda: None
        self._poll: asyncio.Task[None] | None = None

    async def until(
        self,
        look: Look[T],
        *,
        rest: bool = False,
    ) -> T:
        """What `look` finds in the ledger, as soon as it finds something.

        Args:
            look: Looks, and says what it depends on: it looks again when that has changed.
            rest: Whether it can only become true when one of these parks or ends.

        Raises:
            LedgerError: if this process's engine cannot use the ledger, which nobody would mend by waiting.
        """
        waiter = _Waiter(rest)
        self._enter(waiter)
        try:
            while True:
                waiter.news.clear()
                changes = self._rested if rest else self._changed
                before = changes.count
                found = await self._ledger.read(look)
                if found is not None and not isinstance(found, Pending):
                    return found
                waiter.runs = found.runs if found is not None else frozenset()
                if changes.since(before, waiter.runs):
                    continue  # while we looked
                failure = self._failure()
                if failure is not None:
                    raise failure
                await waiter.news.wait()
        finally:
            self._leave(waiter)

    def _enter(self, waiter: "_Waiter") -> None:
        if not self._waiting:
            self._unlisten = self._ledger.listen(self._hear)
            self._poll = asyncio.create_task(self._look_around(), name="baton-watch")
        self._waiting.add(waiter)

    def _leave(self, waiter: "_Waiter") -> None:
        self._waiting.discard(waiter)
        if not self._waiting:
            self._unlisten()
            if self._poll is not None:
                self._poll.cancel()

    def _hear(self, news: News) -> None:
        self._tell(news.woken | news.noted | news.rested, news.rested)

    def _tell(self, changed: frozenset[RunId], rested: frozenset[RunId]) -> None:
        self._changed.note(changed)
        self._rested.note(rested)
        for waiter in self._waiting:
            if not waiter.runs or not waiter.runs.isdisjoint(rested if waiter.rest else changed):
                waiter.news.set()

    async def _look_around(self) -> None:
        """See what other processes have written."""
        version: Hashable = None
        known: dict[RunId, runs.Mark] = {}
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                newest = await self._ledger.version()
                if newest != version:
                    version, wanted = newest, {run for waiter in self._waiting for run in waiter.runs}
                    marks = await self._ledger.read(partial(_marks, wanted))
                    changed = frozenset(run for run, mark in marks.items() if known.get(run) != mark)
                    self._tell(changed, frozenset(run for run in changed if marks[run].resting))
                    known = marks
            except LedgerError:
                for waiter in self._waiting:
                    waiter.news.set()  # its own look raises
            if self._failure() is not None:
                for waiter in self._waiting:
                    waiter.news.set()


def _marks(wanted: set[RunId], tx: Transaction) -> dict[RunId, runs.Mark]:
    return runs.marks(tx, wanted)


class _Waiter:
    """One that waits.

    Attributes:
        runs: What it depends on; empty is anything.
        rest: Whether only their parking or ending matters.
    """

    def __init__(self, rest: bool) -> None:
        self.rest = rest
        self.runs: frozenset[RunId] = frozenset()
        self.news = asyncio.Event()


class _Changes:
    """Which runs have changed lately, so that nothing is missed between a look and the wait that follows it."""

    _MOST = 10_000

    def __init__(self) -> None:
        self.count = 0
        self._forgotten = 0
        self._when: dict[RunId, int] = {}

    def note(self, changed: frozenset[RunId]) -> None:
        self.count += 1
        for run in changed:
            self._when[run] = self.count
        if len(self._when) > self._MOST:
            self._when.clear()
            self._forgotten = self.count

    def since(self, count: int, wanted: frozenset[RunId]) -> bool:
        """Whether one of the wanted runs has changed since; any, where none is named."""
        if self._forgotten > count or not wanted:
            return self.count > count
        return any(self._when.get(run, 0) > count for run in wanted)
