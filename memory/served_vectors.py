"""The vectors of facts on Postgres: in the record itself where it has pgvector, else in Chroma."""

import asyncio
from collections.abc import Sequence

from baton.core import FactId, LedgerReadOnly, ModelUnavailable, logger
from baton.ledger import Fact, Ledger, Transaction, fact_changes, fact_threads, fact_vectors
from baton.ledger.fact_changes import Mark
from baton.memory.nearness import Nearness, vector_folder
from baton.memory.ports import Place, Vectors
from baton.memory.vectors import Embedder, Vector, discard

log = logger()

_PAGE = 500


class ServedVectors:
    """Finds facts by their vectors in the record itself. Any number of processes may use it.

    Each brings it up to date before it searches. Where two do so at once, one of them has done it for both.
    """

    def __init__(self, ledger: Ledger, embedder: Embedder) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._lock = asyncio.Lock()

    async def nearest(self, query: str, places: Sequence[Place], k: int) -> list[str]:
        """The ids of facts of these places near a query, nearest first; see `Vectors`."""
        try:
            async with self._lock:
                await self._follow()
            (vector,) = await self._embedder.embed([query])
        except ModelUnavailable as error:
            log.warning("searching by keywords alone", why=str(error))
            return []
        name = self._embedder.name
        return [*await self._ledger.read(lambda tx: fact_vectors.nearest(tx, name, vector, places, k))]

    async def rebuild(self) -> None:
        """Make them anew from the ledger.

        Raises:
            ModelUnavailable: if the embedder cannot be reached.
        """
        async with self._lock:
            await self._ledger.write(lambda tx: fact_vectors.clear(tx, self._embedder.name))
            await self._follow()

    async def discard(self, ids: Sequence[str]) -> bool:
        """Yes: vectors here go with their facts. A folder of Chroma that was used before goes if it knows any.

        Raises:
            LedgerError: if another process uses that folder.
        """
        await asyncio.to_thread(discard, vector_folder(self._ledger), ids)
        return True

    async def audit(self) -> list[str]:
        """What is wrong, in words: believed facts without a vector, vectors of several lengths."""
        async with self._lock:
            await self._follow()
        name = self._embedder.name
        lacking, lengths = await self._ledger.read(
            lambda tx: (fact_vectors.lacking(tx, name), fact_vectors.lengths(tx, name))
        )
        wrong = [f"{lacking} facts have no vector"] if lacking else []
        return wrong + ([f"vectors are of several lengths: {', '.join(map(str, lengths))}"] if len(lengths) > 1 else [])

    def close(self) -> None:
        """Nothing is open."""

    async def _follow(self) -> None:
        name = self._embedder.name
        while True:
            mark = await self._ledger.read(lambda tx: fact_vectors.mark(tx, name))
            if mark is None:
                await self._begin()
                continue
            step = await self._ledger.read(lambda tx, mark=mark: fact_changes.after(tx, mark, _PAGE))  # type: ignore[misc]
            if step.until == mark:
                return
            await self._add([one.fact for one in step.standing], step.gone, mark, step.until)

    async def _begin(self) -> None:
        """Take in all that is believed; what changes meanwhile is taken in after it."""
        until = await self._ledger.read(fact_changes.last)
        behind = ""
        while page := await self._ledger.read(lambda tx, behind=behind: fact_threads.page(tx, behind, _PAGE)):  # type: ignore[misc]
            await self._add([one.fact for one in page], (), None, None)
            behind = page[-1].fact.id
        await self._ledger.write(lambda tx: fact_vectors.move(tx, self._embedder.name, None, until))

    async def _add(self, standing: Sequence[Fact], gone: Sequence[FactId], seen: Mark | None, now: Mark | None) -> None:
        name = self._embedder.name
        there = await self._ledger.read(lambda tx: fact_vectors.known(tx, name, [fact.id for fact in standing]))
        new = [fact for fact in standing if fact.id not in there]
        made: Sequence[Vector] = await self._embedder.embed([f"{one.subject} {one.text}" for one in new]) if new else []

        def keep(tx: Transaction) -> None:
            if now is None or fact_vectors.move(tx, name, seen, now):  # else another process has done it
                fact_vectors.keep(tx, name, [fact.id for fact in new], made)
                fact_vectors.drop(tx, name, gone)

        await self._ledger.write(keep)


class BestVectors:
    """Vectors in the record where its server has pgvector and this user may have it, else in Chroma."""

    def __init__(self, ledger: Ledger, embedder: Embedder) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._chosen: Vectors | None = None

    async def nearest(self, query: str, places: Sequence[Place], k: int) -> list[str]:
        """The ids of facts of these places near a query, nearest first; see `Vectors`."""
        return await (await self._its()).nearest(query, places, k)

    async def rebuild(self) -> None:
        """Make them anew from the ledger; see `Vectors`."""
        await (await self._its()).rebuild()

    async def discard(self, ids: Sequence[str]) -> bool:
        """Leave nothing of these facts; see `Vectors`."""
        return await (await self._its()).discard(ids)

    async def audit(self) -> list[str]:
        """What is wrong with them; see `Vectors`."""
        return await (await self._its()).audit()

    def close(self) -> None:
        """Close what it has open."""
        if self._chosen is not None:
            self._chosen.close()

    async def _its(self) -> Vectors:
        if self._chosen is None:
            try:
                there = await self._ledger.write(fact_vectors.prepare)
            except LedgerReadOnly as error:  # a user that may make no tables
                log.warning("vectors are in Chroma", why=str(error))
                there = False
            kind = ServedVectors if there else Nearness
            self._chosen = kind(self._ledger, self._embedder)
        return self._chosen
