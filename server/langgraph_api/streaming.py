"""A run of LangGraph's as a stream, or waited for: until the agent rests, from wherever a client has got to."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from baton.app import Baton
from baton.core import BatonError, RunId, dump
from baton.following import ANSWERED
from baton.handles import RunHandle
from baton.ledger import Run, Transaction, events, families, runs, threads, transcript
from baton.ledger.threads import Exchange
from baton.live import Piece
from baton.server.beating import beating
from baton.server.callers import Caller
from baton.server.langgraph_api.position import Numbers, Position
from baton.server.langgraph_api.route import problem_json
from baton.server.langgraph_api.standing import values_json
from baton.server.langgraph_api.telling import StreamEvent, Telling, interrupted
from baton.server.protocols import trouble_of
from baton.server.service import Service
from baton.story import Moment


@dataclass(frozen=True, kw_only=True)
class Following:
    """What is told, and to whom.

    Attributes:
        modes: As LangGraph calls them.
        position: What was told already; None begins with the exchange.
    """

    service: Service
    caller: Caller
    exchange: Exchange
    modes: frozenset[str]
    subgraphs: bool = False
    position: Position | None = None

    @property
    def _baton(self) -> Baton:
        return self.service.baton.within(self.caller.tenant)

    async def sse(self) -> AsyncGenerator[str]:
        """The stream, as server-sent events."""
        start = {"run_id": self.exchange.id, "thread_id": self.exchange.thread, "attempt": 1}
        yield _sse([StreamEvent("metadata", start)], None)
        try:
            async with contextlib.aclosing(beating(self.service, self.caller, self._told())) as told:
                async for found in told:
                    yield ": here\n\n" if found is None else found
        except BatonError as error:
            if not self.service.closing.is_set():  # else it just breaks off: clients ask again, with the last id
                yield _sse([StreamEvent("error", problem_json(trouble_of(error)))], None)
            return
        yield _sse([StreamEvent("end", None)], None)

    async def waited(self) -> AsyncGenerator[str]:
        """The values once the agent rests, as JSON; white space before it says that somebody is there."""
        try:
            async with contextlib.aclosing(beating(self.service, self.caller, self._rested())) as told:
                async for found in told:
                    yield "\n" if found is None else found
        except BatonError as error:
            yield dump({"__error__": problem_json(trouble_of(error))})

    async def _rested(self) -> AsyncGenerator[str]:
        async with contextlib.aclosing(self._moments(Position(), live=False)) as moments:
            async for _ in moments:
                pass
        run, values = await self._values()
        yield dump({"__error__": _failure(run)} if run.status == "failed" else values)

    async def _told(self) -> AsyncGenerator[str]:
        position = self.position or await self._beginning()
        telling = Telling(
            ledger=self._baton.ledger,
            run=self.exchange.run,
            modes=self.modes,
            labels={"run_id": self.exchange.id, "thread_id": self.exchange.thread, "checkpoint_ns": ""},
            subgraphs=self.subgraphs,
            position=position,
        )
        async with contextlib.aclosing(self._moments(position, live=True)) as moments:
            async for one in moments:
                if found := await telling.tell(one):
                    yield _sse(found, position.id)
        if found := [*await telling.rest(), *await self._last()]:
            yield _sse(found, position.id)

    async def _moments(self, position: Position, *, live: bool) -> AsyncGenerator[Moment | Piece]:
        """What happens, until the agent rests or the next exchange begins."""
        handle: RunHandle = await self._baton.open(self.exchange.run)
        seen: Numbers = dict(position.numbers) or {self.exchange.run: self.exchange.after}
        until = await self._baton.ledger.read(self._until)
        source: AsyncGenerator[Moment | Piece] = handle.live(seen) if live else _plain(handle, seen)
        async with contextlib.aclosing(source) as found:
            async for one in found:
                over = isinstance(one, Moment) and one.run.id == self.exchange.run and one.event.seq > until
                if over:
                    return
                yield one

    def _until(self, tx: Transaction) -> int:
        later = threads.after(tx, self.exchange, self.exchange.run)
        return 2**62 if later is None else later.after

    async def _beginning(self) -> Position:
        """Where the exchange begins: behind what had happened, and what had been said, before it."""

        def read(tx: Transaction) -> Position:
            run, after = self.exchange.run, self.exchange.after
            before = events.of_run(tx, run, after - 1, 1) if after else []
            numbers = {one: _number(tx, one, before[0].id if before else 0) for one in families.ids(tx, run)}
            return Position(numbers=numbers | {run: after}, head=_head(tx, run, after))

        return await self._baton.ledger.read(read)

    async def _last(self) -> list[StreamEvent]:
        run, values = await self._values()
        if run.status == "failed":
            return [StreamEvent("error", _failure(run))]
        asks: list[dict[str, Any]] = values.get("__interrupt__", [])
        return interrupted(self.modes, asks) + ([StreamEvent("values", values)] if "values" in self.modes else [])

    async def _values(self) -> tuple[Run, dict[str, Any]]:
        agents = dict(self._baton.agents)

        def read(tx: Transaction) -> tuple[Run, dict[str, Any]]:
            thread = threads.get(tx, self.exchange.thread)
            return runs.get(tx, thread.run or self.exchange.run), values_json(tx, thread, agents)

        return await self._baton.ledger.read(read)


def _head(tx: Transaction, run: RunId, after: int) -> int:
    """How many lines a run's transcript had once so many events had happened: those up to the last turn then."""
    turns = [
        one.data["turn"] for one in events.of_run(tx, run, 0, 100_000) if one.kind == ANSWERED and one.seq <= after
    ]
    last = turns[-1] if turns else runs.get(tx, run).forked_at or 0
    return sum(1 for line in transcript.read(tx, run, transcript.WHOLE) if line.turn <= last)


def _number(tx: Transaction, run: RunId, mark: int) -> int:
    found = [one.seq for one in events.of_run(tx, run, 0, 100_000) if one.id <= mark]
    return max(found, default=0)


async def _plain(handle: RunHandle, seen: Numbers) -> AsyncGenerator[Moment | Piece]:
    async with contextlib.aclosing(handle.story(seen)) as story:
        async for moment in story:
            yield moment


def _failure(run: Run) -> dict[str, str]:
    return {"error": "RunFailed", "message": f"{run.id} failed: {run.summary}"}


def _sse(found: list[StreamEvent], id: str | None) -> str:
    """Events; the last has the id."""
    told = [f"event: {one.name}\ndata: {dump(one.data)}\n" for one in found]
    if id is not None:
        told[-1] = f"id: {id}\n{told[-1]}"
    return "".join(f"{one}\n" for one in told)
