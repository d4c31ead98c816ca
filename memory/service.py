"""Memory: facts in the ledger, found again through indexes that are made from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton.core import FactId
from baton.ledger import Claim, Fact, Ledger, Transaction, facts, feedback
from baton.ledger.forgetting import Wanted
from baton.memory.consolidating import Extractor, Tidied, consolidate
from baton.memory.explaining import Explanation, explained
from baton.memory.forgetting import Receipt, forget
from baton.memory.opening import keywords_of, vectors_of
from baton.memory.ranking import fits, fused, varied, weigh
from baton.memory.vectors import Embedder

_DEPTH, _WEIGHED = 100, 50
"""Candidates of each search, and those of them that are weighed; for many, twice as many as are asked for."""


@dataclass(frozen=True)
class Recalled:
    """A fact that was found.

    Attributes:
        score: How well it fits and how much it weighs, for comparing with others of the same recall; greater is better.
        why: What the score is made of: fit, trust, importance, recency, validity, feedback.
        disputed: Believed facts that contradict it.
    """

    fact: Fact
    score: float
    why: Mapping[str, float]
    disputed: tuple[FactId, ...] = ()


class Memory:
    """Remembers and recalls.

    The ledger is the truth. The indexes stand beside it, are fed from it before each search, and can be thrown away at
    any time. Without an embedder, facts are found by their words alone.
    """

    def __init__(self, ledger: Ledger, *, embedder: Embedder | None = None) -> None:
        self._ledger = ledger
        self._keywords, self._vectors = keywords_of(ledger), vectors_of(ledger, embedder)

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
        when = self._ledger.clock.now() if at is None else at
        fit = await self._candidates(query, [(tenant, scope) for scope in scopes], max(2 * k, _DEPTH), when)
        ids = [FactId(id) for id in fit][: max(2 * k, _WEIGHED)]

        def load(tx: Transaction) -> tuple[list[Fact], dict[FactId, list[FactId]]]:
            found = facts.get(tx, tenant, ids)
            return found, facts.conflicts(tx, tenant, [one.id for one in found if one.predicate is not None])

        known, disputed = await self._ledger.read(load) if ids else ([], {})
        told = [one for one in known if one.scope in scopes and one.valid_at(when)]
        weights = {one.id: {"fit": fit[one.id], **weigh(one, when, disputed=one.id in disputed)} for one in told}
        best = varied([(one, math.prod(weights[one.id].values())) for one in told], k)
        return [Recalled(one, score, weights[one.id], tuple(disputed.get(one.id, ()))) for one, score in best]

    async def believed(self, scopes: Sequence[str] | None = None, *, tenant: str) -> list[Fact]:
        """All that a tenant believes in some scopes, or in all, oldest first."""
        return await self._ledger.read(lambda tx: facts.believed(tx, tenant, scopes))

    async def feedback(self, fact: FactId, said: feedback.Said, *, tenant: str, by: str, ref: str) -> bool:
        """Say that a recalled fact was used, or was wrong; whether that was new. Each `ref` counts once.

        Raises:
            NotFound: if the tenant has no such fact.
        """
        return await self._ledger.write(lambda tx: feedback.give(tx, tenant, fact, said, by=by, ref=ref))

    async def explain(self, fact: FactId, *, tenant: str) -> Explanation:
        """What a fact rests on, how it stands to others, and what was said of it.

        Raises:
            NotFound: if the tenant has no such fact.
        """
        return await self._ledger.read(lambda tx: explained(tx, tenant, fact))

    async def consolidate(self, *, tenant: str, extractor: Extractor | None = None) -> Tidied:
        """Tidy what a tenant knows: outcomes become episodes, what repeats is merged, threads are summed up."""
        return await consolidate(self._ledger, tenant, extractor)

    async def forget(self, wanted: Wanted, *, by: str) -> Receipt:
        """Forget what is wanted, with all that was derived from it: in the record, the indexes and on the disk.

        Raises:
            InvalidValue: if nothing is named.
        """
        return await forget(self._ledger, self._keywords, self._vectors, wanted, by)

    async def rebuild(self) -> int:
        """Make the indexes anew from the ledger; how many facts can be found then.

        Raises:
            LedgerError: if another process uses the vectors; the words are made anew by then.
            ModelUnavailable: if the embedder cannot be reached; likewise.
        """
        count = await self._keywords.rebuild()
        if self._vectors is not None:
            await self._vectors.rebuild()
        return count

    async def audit(self) -> list[str]:
        """What is wrong with the vectors, in words; empty if nothing is, or there are none. `rebuild` puts it right.

        Raises:
            LedgerError: if another process uses them.
        """
        return await self._vectors.audit() if self._vectors is not None else []

    def close(self) -> None:
        """Close the indexes."""
        self._keywords.close()
        if self._vectors is not None:
            self._vectors.close()

    async def _candidates(
        self, query: str, places: Sequence[tuple[str, str]], k: int, at: float
    ) -> Mapping[str, float]:
        """How well facts fit, best first; the best is 1."""
        hits = await self._keywords.search(query, places, k, at=at)
        found = fits(query, hits)
        near = await self._vectors.nearest(query, places, k) if self._vectors is not None else []
        return fused([list(found), near]) if near else found
