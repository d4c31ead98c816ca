"""What agents remember: facts in the ledger, found again through indexes that are made from them."""

import asyncio
import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from baton.core import LOCAL_TENANT, FactId, LedgerError, logger
from baton.ledger import Claim, Fact, Ledger, facts
from baton.memory.index import Entry, KeywordIndex
from baton.memory.vectors import Embedder, VectorIndex

log = logger()

_RANKS = 60
"""Constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""


@dataclass(frozen=True)
class Recalled:
    """A fact that was found.

    Attributes:
        score: How well it fits, for comparing with others of the same recall; above 0, greater is better.
    """

    fact: Fact
    score: float


class Memory:
    """Remembers and recalls.

    The ledger is the truth. The indexes stand beside it, are fed from it before each search, and can be thrown away at
    any time. Without an embedder, facts are found by their words alone.
    """

    def __init__(self, ledger: Ledger, *, embedder: Embedder | None = None) -> None:
        self._ledger = ledger
        path = ledger.database.path  # beside a server's database there is no place: its keyword index is in memory
        self._keywords = KeywordIndex(path.with_suffix(".index.db") if path else Path(":memory:"))
        self._embedder = embedder
        self._vectors: VectorIndex | None = None
        self._facts: dict[FactId, Fact] | None = None
        self._version: Hashable = None
        self._lock = asyncio.Lock()

    async def remember(self, claim: Claim) -> FactId:
        """Keep a fact; `ledger.facts.record` says what becomes of it, and what it raises."""
        return await self._ledger.write(lambda tx: facts.record(tx, claim))

    async def supersede(self, old: FactId, claim: Claim) -> FactId:
        """Put a fact in the place of another; `ledger.facts.supersede` says what it raises."""
        return await self._ledger.write(lambda tx: facts.supersede(tx, old, claim))

    async def as_of(
        self, scopes: Sequence[str], *, tenant: str, valid: float | None = None, known: float | None = None
    ) -> list[Fact]:
        """What was believed at the time `known` to be true at the time `valid`, oldest first.

        Both are seconds since 1970; None is now.
        """
        now = self._ledger.clock.now()
        at, then = now if valid is None else valid, now if known is None else known
        return await self._ledger.read(lambda tx: facts.as_of(tx, tenant, scopes, at, then))

    async def recall(
        self, query: str, scopes: Sequence[str], k: int = 5, *, tenant: str, at: float | None = None
    ) -> list[Recalled]:
        """The `k` believed facts of these scopes that fit the query best, best first.

        Args:
            query: What is looked for, in any words.
            scopes: Where to look.
            k: How many at most.
            tenant: Whose facts.
            at: When they have to be true, in seconds since 1970; None is now.
        """
        async with self._lock:
            known = await self._catch_up()
            if not any(fact.scope in scopes for fact in known.values()):
                return []
            found = await asyncio.to_thread(self._keywords.search, query, scopes, 4 * k)
            near = await self._nearest(query, scopes, 4 * k) if self._embedder else []
        when = self._ledger.clock.now() if at is None else at
        ranked = fused([[id for id, _score in found], near])
        fits = [known[FactId(id)] for id in ranked if FactId(id) in known]
        return [Recalled(fact, 0.0) for fact in fits if fact.tenant == tenant and fact.valid_at(when)][:k]

    async def believed(self, scopes: Sequence[str] | None = None, *, tenant: str) -> list[Fact]:
        """All that a tenant believes in some scopes, or in all, oldest first."""
        return await self._ledger.read(lambda tx: facts.believed(tx, tenant, scopes))

    def close(self) -> None:
        """Close the indexes."""
        self._keywords.close()
        if self._vectors:
            self._vectors.close()

    async def _catch_up(self) -> dict[FactId, Fact]:
        """The believed facts, with the keyword index brought up to date, whoever wrote to the ledger."""
        version = await self._ledger.version()
        if self._facts is not None and version == self._version:
            return self._facts
        current = {fact.id: fact for fact in await self.believed(tenant=LOCAL_TENANT)}
        if self._facts is None:
            await asyncio.to_thread(self._keywords.rebuild, [_entry(fact) for fact in current.values()])
        else:
            for gone in self._facts.keys() - current.keys():
                await asyncio.to_thread(self._keywords.remove, gone)
            for new in current.keys() - self._facts.keys():
                await asyncio.to_thread(self._keywords.add, _entry(current[new]))
        self._facts, self._version = current, version
        return current

    async def _nearest(self, query: str, scopes: Sequence[str], k: int) -> list[str]:
        """Facts near the query by their vectors, best first; none while another process has the vector index."""
        assert self._embedder is not None
        try:
            if self._vectors is None:
                self._vectors = await asyncio.to_thread(self._open_vectors, self._embedder.name)
        except LedgerError as error:
            log.warning("searching by keywords alone", why=str(error))
            return []
        vectors = self._vectors
        for scope in scopes:
            await self._embed(vectors, scope)
        vector = (await self._embedder.embed([query]))[0]
        return await asyncio.to_thread(vectors.search, vector, scopes, k)

    def _open_vectors(self, embedder: str) -> VectorIndex:
        path = self._ledger.database.path or Path(
            ".baton", hashlib.sha256(self._ledger.database.name.encode()).hexdigest()
        )
        return VectorIndex(path.with_suffix(".vectors"), embedder)

    async def _embed(self, vectors: VectorIndex, scope: str) -> None:
        """Have the vectors of a scope be those of its believed facts: what is missing is made, what is gone removed."""
        assert self._embedder is not None
        current = {fact.id: fact for fact in (self._facts or {}).values() if fact.scope == scope}
        stored = await asyncio.to_thread(vectors.known, scope)
        await asyncio.to_thread(vectors.remove, scope, sorted(stored - current.keys()))
        new = [fact for id, fact in current.items() if id not in stored]
        if new:
            made = await self._embedder.embed([_entry(fact).text for fact in new])
            await asyncio.to_thread(vectors.add, scope, [fact.id for fact in new], made)


def fused(ranked: Sequence[Sequence[str]]) -> list[str]:
    """Several rankings as one, by reciprocal rank; equals in order of id."""
    scores: dict[str, float] = {}
    for ranking in ranked:
        for rank, id in enumerate(ranking, 1):
            scores[id] = scores.get(id, 0.0) + 1 / (_RANKS + rank)
    return sorted(scores, key=lambda id: (-scores[id], id))


def _entry(fact: Fact) -> Entry:
    return Entry(id=fact.id, scope=fact.scope, text=f"{fact.subject} {fact.text}")
