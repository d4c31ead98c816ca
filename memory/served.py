"""The keyword index on Postgres: the server searches, and this process keeps nothing but counts of words."""

from collections.abc import Sequence

from baton.ledger import Ledger, Transaction, fact_words
from baton.ledger.fact_words import Match, Totals
from baton.memory.ports import Place
from baton.memory.ranking import Hit, asks, telling, words_of

_FEW = 100
_LEAST = 400
"""Facts at least that are weighed exactly, where so many share words with a query."""


class ServedKeywords:
    """Finds facts by their words, in the record itself.

    How many facts a word is in is asked once, and again when a twentieth of all facts have changed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._frequencies: dict[str, int] = {}
        self._totals = Totals(0, 1.0)
        self._counted_at: int | None = None

    async def search(self, query: str, places: Sequence[Place], k: int, *, at: float) -> list[Hit]:
        """The believed facts of these places that share words with a query, best first; see `Keywords`."""
        words = words_of(query)
        if not words or not places or k < 1:
            return []
        found = await self._ledger.read(lambda tx: self._search(tx, words, places, k, at))
        return [Hit(one.id, one.score, one.subject, one.text, asks(one.text), one.answers) for one in found[:k]]

    async def rebuild(self) -> int:
        """Have the words of every fact as the fact is, some facts at a time; how many can be found then."""
        behind: str | None = ""
        while behind is not None:
            behind = await self._ledger.write(lambda tx, behind=behind: fact_words.renew(tx, behind))  # type: ignore[misc]
        self._counted_at = None
        return (await self._ledger.read(fact_words.totals)).facts

    async def scrub(self) -> None:
        """Nothing: what is removed is removed with the fact, and its room is freed with the record's."""

    def close(self) -> None:
        """Nothing is open."""

    def _search(self, tx: Transaction, words: Sequence[str], places: Sequence[Place], k: int, at: float) -> list[Match]:
        stems = fact_words.stems(tx, words)
        names = [fact_words.place_word(*place) for place in places]
        self._count(tx, [*stems, *names])
        everything = self._totals.facts
        inside = sum(self._frequencies[name] for name in names)
        frequency = {stem: self._frequencies[stem] for stem in stems}
        told = telling(frequency, inside / everything if everything else 1.0)
        if not told:
            return []
        wanted = {stem: frequency[stem] for stem in told}
        return fact_words.search(tx, wanted, self._totals, places, at=at, most=max(k, _LEAST))

    def _count(self, tx: Transaction, wanted: Sequence[str]) -> None:
        changes = fact_words.changes(tx)
        if self._counted_at is None or not 0 <= changes - self._counted_at <= max(_FEW, self._totals.facts // 20):
            self._frequencies, self._counted_at, self._totals = {}, changes, fact_words.totals(tx)
        self._frequencies |= fact_words.frequencies(tx, [one for one in wanted if one not in self._frequencies])
