"""What changes in the record, told to any number of open pages; it is read once for all of them."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from baton.app import Baton
from baton.core import InvalidValue, LedgerError
from baton.ledger import Event, Transaction, events

PAUSE = 0.05
"""Seconds in which changes are gathered, so that a storm of them becomes a few."""

_MOST = 1000
"""Events behind which a page rather shows everything anew."""

_WAITING = 100
"""Changes that one listener may leave unheard before it is told to show everything anew."""

_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True)
class Change:
    """What has changed up to a place in the record.

    Attributes:
        topics: Ids of runs and reviews, and `runs` and `reviews` for the lists of them; None is anything.
    """

    mark: events.Mark
    topics: frozenset[str] | None

    def sent(self) -> str:
        """As a server-sent event."""
        kind, topics = ("all", []) if self.topics is None else ("changed", sorted(self.topics))
        return f"id: {self.mark[0]}-{self.mark[1]}\nevent: {kind}\ndata: {json.dumps(topics)}\n\n"


def read_mark(id: str) -> events.Mark:
    """The place in the record that an event's id names.

    Raises:
        InvalidValue: if it is no id of ours.
    """
    found = _ID.fullmatch(id)
    if found is None:
        raise InvalidValue("Last-Event-ID", id[:100], "the id of the last event that came")
    return int(found[1]), int(found[2])


def topics_of(happened: Sequence[Event]) -> frozenset[str]:
    """What events are about."""
    found: set[str] = set()
    for event in happened:
        found.add(event.run)
        if event.kind.startswith("review."):
            found |= {"reviews", str(event.data.get("review", ""))}
        elif event.kind.startswith("run.") or event.kind == "action.judged":
            found.add("runs")
    return frozenset(found)


@dataclass
class Changes:
    """Tells listeners what changes; it reads as long as there are any."""

    baton: Baton
    _listeners: set[asyncio.Queue[Change]] = field(default_factory=set[asyncio.Queue[Change]])
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reading: asyncio.Task[None] | None = None

    async def follow(self, after: events.Mark | None) -> AsyncGenerator[Change]:
        """What has changed behind a place in the record, and what changes from now on; None is from now on."""
        heard: asyncio.Queue[Change] = asyncio.Queue(_WAITING)
        try:
            await self._enter(heard)
            missed = await self.baton.ledger.read(lambda tx: _missed(tx, after))
            if missed is not None:
                yield missed
            while True:
                yield await heard.get()
        finally:
            self._leave(heard)

    async def _enter(self, heard: asyncio.Queue[Change]) -> None:
        """Hear what follows; the place from which on it is told is known before what was missed is looked up."""
        self._listeners.add(heard)
        async with self._entering:
            if self._reading is None or self._reading.done():
                mark = await self.baton.ledger.read(events.last)
                self._reading = asyncio.create_task(self._read(mark), name="baton-changes")

    def _leave(self, heard: asyncio.Queue[Change]) -> None:
        self._listeners.discard(heard)
        if not self._listeners and self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read(self, mark: events.Mark) -> None:
        while True:
            try:
                found = await self.baton.until(lambda tx: events.of_all(tx, mark, _MOST) or None)  # noqa: B023
            except LedgerError:
                await asyncio.sleep(1.0)  # the record cannot be used now; what happened meanwhile is read afterwards
                continue
            mark = found[-1].mark
            self._tell(Change(mark, topics_of(found)))
            await asyncio.sleep(PAUSE)

    def _tell(self, change: Change) -> None:
        for heard in self._listeners:
            lags = heard.full()
            while lags and not heard.empty():
                heard.get_nowait()
            heard.put_nowait(Change(change.mark, None) if lags else change)


def _missed(tx: Transaction, after: events.Mark | None) -> Change | None:
    if after is None:
        return None
    found = events.of_all(tx, after, _MOST)
    if not found:
        return None
    return Change(events.last(tx), None) if len(found) == _MOST else Change(found[-1].mark, topics_of(found))
