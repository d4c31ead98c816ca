"""Which indexes a record has: files beside a file, or the server's own."""

from baton.ledger import Ledger
from baton.memory.following import FollowedIndex
from baton.memory.nearness import Nearness
from baton.memory.ports import Keywords, Vectors
from baton.memory.served import ServedKeywords
from baton.memory.served_vectors import BestVectors
from baton.memory.vectors import Embedder


def keywords_of(ledger: Ledger) -> Keywords:
    """What finds facts by their words."""
    path = ledger.database.path
    return ServedKeywords(ledger) if path is None else FollowedIndex(ledger, path.with_suffix(".index.db"))


def vectors_of(ledger: Ledger, embedder: Embedder | None) -> Vectors | None:
    """What finds facts by their vectors; None without an embedder."""
    if embedder is None:
        return None
    return BestVectors(ledger, embedder) if ledger.database.path is None else Nearness(ledger, embedder)
