"""What changes in the record, told to any number of open pages; it is read once for all of them."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from baton.app import Baton
from baton.core import InvalidValue, LedgerError, RunId
from baton.ledger import Event, Transaction, events, runs

PAUSE = 0.05
"""Seconds in which changes are gathered, so that a storm of them becomes a few."""

_MOST = 1000
"""Events behind which a page rather shows everything anew."""

_WAITING = 100
"""Changes that one listener may leave unheard before it is told to show everything anew."""

_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True)
class Change:
    """What has changed up to a place in the record, for one listener.

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


@dataclass(frozen=True, eq=False)
class _Listener:
    """Who hears what changes of a tenant's; None is everybody's."""

    tenant: str | None
    heard: asyncio.Queue[Change] = field(default_factory=lambda: asyncio.Queue(_WAITING))

    def tell(self, mark: events.Mark, happened: Sequence[Event], whose: Mapping[RunId, str]) -> None:
        """Tell of it, where something of it is theirs; whoever lags is told that anything may have changed."""
        topics = topics_of(_theirs(happened, whose, self.tenant))
        if not topics:
            return
        lags = self.heard.full()
        while lags and not self.heard.empty():
            self.heard.get_nowait()
        self.heard.put_nowait(Change(mark, None if lags else topics))


@dataclass
class Changes:
    """Tells listeners what changes; it reads as long as there are any."""

    baton: Baton
    _listeners: set[_Listener] = field(default_factory=set[_Listener])
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reading: asyncio.Task[None] | None = None

    async def follow(self, after: events.Mark | None, tenant: str | None) -> AsyncGenerator[Change]:
        """What has changed behind a place in the record, and what changes from now on.

        Args:
            after: The place; None is from now on.
            tenant: Whose; None is everybody's.
        """
        listener = _Listener(tenant)
        try:
            await self._enter(listener)
            missed = await self.baton.ledger.read(lambda tx: _missed(tx, after, tenant))
            if missed is not None:
                yield missed
            while True:
                yield await listener.heard.get()
        finally:
            self._leave(listener)

    async def _enter(self, listener: _Listener) -> None:
        """Hear what follows; the place from which on it is told is known before what was missed is looked up."""
        self._listeners.add(listener)
        async with self._entering:
            if self._reading is None or self._reading.done():
                mark = await self.baton.ledger.read(events.last)
                self._reading = asyncio.create_task(self._read(mark), name="baton-changes")

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read(self, mark: events.Mark) -> None:
        while True:
            try:
                found, whose = await self.baton.until(lambda tx: _happened(tx, mark))  # noqa: B023
            except LedgerError:
                await asyncio.sleep(1.0)  # the record cannot be used now; what happened meanwhile is read afterwards
                continue
            mark = found[-1].mark
            for listener in self._listeners:
                listener.tell(mark, found, whose)
            await asyncio.sleep(PAUSE)


def _happened(tx: Transaction, after: events.Mark) -> tuple[list[Event], dict[RunId, str]] | None:
    """What has happened behind a place in the record, and whose the runs of it are; None where nothing has."""
    found = events.of_all(tx, after, _MOST)
    return (found, runs.tenants(tx, {event.run for event in found})) if found else None


def _theirs(happened: Sequence[Event], whose: Mapping[RunId, str], tenant: str | None) -> Sequence[Event]:
    return happened if tenant is None else [event for event in happened if whose.get(event.run) == tenant]


def _missed(tx: Transaction, after: events.Mark | None, tenant: str | None) -> Change | None:
    found = _happened(tx, after) if after is not None else None
    if found is None:
        return None
    happened, whose = found
    if len(happened) == _MOST:
        return Change(events.last(tx), None)
    topics = topics_of(_theirs(happened, whose, tenant))
    return Change(happened[-1].mark, topics) if topics else None
