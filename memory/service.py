"""What agents remember: facts in the ledger, found again through a keyword index that is made from them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from baton.core import FactId, Label, RunId
from baton.ledger import Fact, Ledger, facts
from baton.memory.index import Entry, KeywordIndex


class Memory:
    """Remembers and recalls.

    The ledger is the truth. The index stands in a file beside it, is fed from it before each search, and can be
    thrown away at any time.
    """

    def __init__(self, ledger: Ledger, index: Path) -> None:
        self._ledger = ledger
        self._index = KeywordIndex(index)
        self._known: set[FactId] = set()
        self._version = -1
        self._lock = asyncio.Lock()

    async def remember(self, scope: str, subject: str, text: str, label: Label, run: RunId | None = None) -> FactId:
        """Keep a fact."""
        return await self._ledger.write(lambda tx: facts.record(tx, scope, subject, text, label, run))

    async def recall(self, query: str, scopes: Sequence[str], k: int = 5) -> list[Fact]:
        """The `k` believed facts of these scopes that fit the query best."""
        async with self._lock:
            await self._catch_up()
            found = await asyncio.to_thread(self._index.search, query, scopes, 2 * k)
        ids = [FactId(id) for id, _score in found]
        return (await self._ledger.read(lambda tx: facts.get(tx, ids)))[:k] if ids else []

    async def believed(self, scopes: Sequence[str] | None = None) -> list[Fact]:
        """All believed facts of some scopes, or of all, oldest first."""
        return await self._ledger.read(lambda tx: facts.believed(tx, scopes))

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    async def _catch_up(self) -> None:
        """Bring the index up to date with the ledger, whoever wrote to that."""
        version = self._ledger.database.version()
        if version == self._version:
            return
        current = {fact.id: fact for fact in await self.believed()}
        if not self._known:
            entries = [_entry(fact) for fact in current.values()]
            await asyncio.to_thread(self._index.rebuild, entries)
        else:
            for gone in self._known - current.keys():
                await asyncio.to_thread(self._index.remove, gone)
            for new in current.keys() - self._known:
                await asyncio.to_thread(self._index.add, _entry(current[new]))
        self._known, self._version = set(current), version


def _entry(fact: Fact) -> Entry:
    return Entry(id=fact.id, scope=fact.scope, text=f"{fact.subject} {fact.text}")
