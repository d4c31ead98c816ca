"""Finding facts by their vectors: the vector index is fed from the ledger, each change once."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from baton.core import LedgerError, ModelUnavailable, logger
from baton.ledger import Ledger, fact_changes, fact_threads
from baton.ledger.fact_changes import Mark
from baton.ledger.fact_threads import Standing
from baton.memory.index import place_of
from baton.memory.vectors import Embedder, VectorIndex, discard

log = logger()

_PAGE = 500


class Nearness:
    """The vector index beside a ledger, opened when it is first asked.

    While another process has it, or the embedder cannot be reached, nothing is near, and a line of the log says so.
    """

    def __init__(self, ledger: Ledger, embedder: Embedder) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._index: VectorIndex | None = None
        self._lock = asyncio.Lock()

    async def nearest(self, query: str, places: Sequence[tuple[str, str]], k: int) -> list[str]:
        """The ids of facts of these tenants and scopes near the query, nearest first."""
        async with self._lock:
            try:
                index = await self._followed()
                (vector,) = await self._embedder.embed([query])
            except (LedgerError, ModelUnavailable) as error:
                log.warning("searching by keywords alone", why=str(error))
                return []
            return await asyncio.to_thread(index.search, vector, [place_of(*place) for place in places], k)

    async def rebuild(self) -> None:
        """Make it anew from the ledger.

        Raises:
            LedgerError: if another process uses it.
            ModelUnavailable: if the embedder cannot be reached.
        """
        async with self._lock:
            index = await self._opened()
            await asyncio.to_thread(index.clear)
            await self._followed()

    async def discard(self, ids: Sequence[str]) -> bool:
        """Delete the index if it knows any of these facts; whether it did. It is made anew when it is next asked.

        Raises:
            LedgerError: if another process uses it.
        """
        async with self._lock:
            self.close()
            return await asyncio.to_thread(discard, vector_folder(self._ledger), ids)

    async def audit(self) -> list[str]:
        """What is wrong with the index, in words; `rebuild` puts it right.

        Raises:
            LedgerError: if another process uses it.
        """
        async with self._lock:
            return await asyncio.to_thread((await self._opened()).audit)

    def close(self) -> None:
        """Let another process use the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    async def _followed(self) -> VectorIndex:
        """The index, brought up to date."""
        index = await self._opened()
        origin, end = await self._ledger.read(lambda tx: (fact_changes.origin(tx), fact_changes.last(tx)))
        mark = await asyncio.to_thread(index.mark, origin)
        if mark is None or mark > end:
            mark = await self._begin(index, origin)
        while (step := await self._ledger.read(lambda tx, m=mark: fact_changes.after(tx, m, _PAGE))).until != mark:  # type: ignore[misc]
            await asyncio.to_thread(index.remove, step.gone)
            await self._add(index, step.standing)
            mark = step.until
            await asyncio.to_thread(index.set_mark, origin, mark)
        return index

    async def _begin(self, index: VectorIndex, origin: int) -> Mark:
        """Take in all that is believed."""
        until = await self._ledger.read(fact_changes.last)
        await asyncio.to_thread(index.clear)
        behind = ""
        while page := await self._ledger.read(lambda tx, behind=behind: fact_threads.page(tx, behind, _PAGE)):  # type: ignore[misc]
            await self._add(index, page)
            behind = page[-1].fact.id
        await asyncio.to_thread(index.set_mark, origin, until)
        return until

    async def _add(self, index: VectorIndex, standing: Sequence[Standing]) -> None:
        known = await asyncio.to_thread(index.known, [one.fact.id for one in standing])
        new = [one.fact for one in standing if one.fact.id not in known]
        if new:
            made = await self._embedder.embed([f"{fact.subject} {fact.text}" for fact in new])
            places = [place_of(fact.tenant, fact.scope) for fact in new]
            await asyncio.to_thread(index.add, places, [fact.id for fact in new], made)

    async def _opened(self) -> VectorIndex:
        if self._index is None:
            self._index = await asyncio.to_thread(VectorIndex, vector_folder(self._ledger), self._embedder.name)
        return self._index


def vector_folder(ledger: Ledger) -> Path:
    """Where the vectors of a ledger are: beside its file, or in `.baton` where a server has it."""
    path = ledger.database.path or Path(".baton", hashlib.sha256(ledger.database.name.encode()).hexdigest())
    return path.with_suffix(".vectors")
