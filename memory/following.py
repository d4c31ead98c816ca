"""Keeping the keyword index as the ledger is: each change is read once, from where the index has come to."""

import asyncio
from collections.abc import Hashable, Sequence
from pathlib import Path

from baton.core import FactId
from baton.ledger import Ledger, fact_changes, fact_threads
from baton.ledger.fact_threads import Standing
from baton.memory.index import Entry, KeywordIndex, Mark
from baton.memory.ports import Place
from baton.memory.ranking import Hit, asks

_PAGE = 1000


class FollowedIndex:
    """The keyword index beside a ledger, opened and brought up to date when it is asked for.

    Args:
        ledger: What it follows.
        path: Its file.
    """

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self._ledger = ledger
        self._path = path
        self._index: KeywordIndex | None = None
        self._mark: Mark | None = None
        self._version: Hashable = None
        self._lock = asyncio.Lock()

    async def ready(self) -> KeywordIndex:
        """The index, with all in it that was committed before this call, by whomever."""
        version = await self._ledger.version()
        if self._index is None or version != self._version:
            async with self._lock:
                await self._follow(await self._opened())
                self._version = version
        assert self._index is not None
        return self._index

    async def search(self, query: str, places: Sequence[Place], k: int, *, at: float) -> list[Hit]:
        """The believed facts of these places that share words with a query, best first; see `Keywords`."""
        index = await self.ready()
        return await asyncio.to_thread(index.search, query, places, k, at=at, now=self._ledger.clock.now())

    async def scrub(self) -> None:
        """Leave nothing of removed facts in the file.

        Raises:
            LedgerError: if another process holds it.
        """
        await asyncio.to_thread((await self.ready()).scrub)

    async def rebuild(self) -> int:
        """Make it anew from the ledger; how many facts it holds then."""
        async with self._lock:
            index = await self._opened()
            await asyncio.to_thread(index.clear)
            self._mark = None
            await self._follow(index)
            return await asyncio.to_thread(len, index)

    def close(self) -> None:
        """Close the file."""
        if self._index is not None:
            self._index.close()

    async def _opened(self) -> KeywordIndex:
        if self._index is None:
            self._index = await asyncio.to_thread(KeywordIndex, self._path)
            await self._look()
        return self._index

    async def _look(self) -> None:
        """See how far the index is; one that is ahead of the ledger, as after a restore, is begun anew."""
        assert self._index is not None
        origin, end = await self._ledger.read(lambda tx: (fact_changes.origin(tx), fact_changes.last(tx)))
        self._mark = await asyncio.to_thread(self._index.mark, origin)
        if self._mark is not None and self._mark > end:
            await asyncio.to_thread(self._index.clear)
            self._mark = await asyncio.to_thread(self._index.mark, origin)

    async def _follow(self, index: KeywordIndex) -> None:
        while True:
            mark = self._mark
            if mark is None:
                await self._begin(index)
                continue
            step = await self._ledger.read(lambda tx, mark=mark: fact_changes.after(tx, mark, _PAGE))  # type: ignore[misc]
            if step.until == mark:
                return
            await self._apply(index, [entry_of(one) for one in step.standing], step.gone, mark, step.until)

    async def _begin(self, index: KeywordIndex) -> None:
        """Take in all that is believed; what changes meanwhile is taken in after it."""
        until = await self._ledger.read(fact_changes.last)
        seen: set[str] = set()
        behind = ""
        while page := await self._ledger.read(lambda tx, behind=behind: fact_threads.page(tx, behind, _PAGE)):  # type: ignore[misc]
            await asyncio.to_thread(index.put, [entry_of(one) for one in page])
            seen.update(one.fact.id for one in page)
            behind = page[-1].fact.id
        gone = [FactId(id) for id in await asyncio.to_thread(index.ids) if id not in seen]
        await self._apply(index, [], gone, None, until)

    async def _apply(
        self, index: KeywordIndex, entries: Sequence[Entry], gone: Sequence[FactId], seen: Mark | None, now: Mark
    ) -> None:
        if await asyncio.to_thread(index.apply, entries, gone, seen=seen, now=now):
            self._mark = now
        else:  # another process has moved it on
            await self._look()


def entry_of(one: Standing) -> Entry:
    """A fact as the index has it."""
    fact = one.fact
    return Entry(
        id=fact.id,
        tenant=fact.tenant,
        scope=fact.scope,
        subject=fact.subject,
        text=fact.text,
        neighbour="\n".join(one.beside),
        farther="\n".join(one.farther),
        asks=asks(fact.text),
        answers=asks(one.before),
        begins=fact.valid_from,
        ends=fact.valid_to,
        expires=fact.expires_at,
    )
