"""What memory asks of an index, wherever that is: beside a file, or on the server that has the record."""

from collections.abc import Sequence
from typing import Protocol

from baton.memory.ranking import Hit

Place = tuple[str, str]
"""A tenant and a scope."""


class Keywords(Protocol):
    """Finds facts by their words. It has all that was committed before it is asked."""

    async def search(self, query: str, places: Sequence[Place], k: int, *, at: float) -> list[Hit]:
        """The believed facts of these places that share words with a query, best first by BM25; at most `k`.

        Args:
            query: Words in any form.
            places: Where to look; nothing is found without any.
            k: How many at most.
            at: When they have to be true, in seconds since 1970. What has expired by now is not found.
        """
        ...

    async def rebuild(self) -> int:
        """Make it anew from the ledger; how many facts it holds then."""
        ...

    async def scrub(self) -> None:
        """Leave nothing of what was removed.

        Raises:
            LedgerError: if that cannot be done now.
        """
        ...

    def close(self) -> None:
        """Close what it has open."""
        ...


class Vectors(Protocol):
    """Finds facts by the nearness of their vectors. What it finds is a candidate: whoever asks looks at the fact."""

    async def nearest(self, query: str, places: Sequence[Place], k: int) -> list[str]:
        """The ids of facts of these places near a query, nearest first; none while it cannot be used."""
        ...

    async def rebuild(self) -> None:
        """Make it anew from the ledger.

        Raises:
            LedgerError: if it cannot be used.
            ModelUnavailable: if the embedder cannot be reached.
        """
        ...

    async def discard(self, ids: Sequence[str]) -> bool:
        """Leave nothing of these facts; whether it may have held any.

        Raises:
            LedgerError: if it cannot be used.
        """
        ...

    async def audit(self) -> list[str]:
        """What is wrong with it, in words; `rebuild` puts it right.

        Raises:
            LedgerError: if it cannot be used.
        """
        ...

    def close(self) -> None:
        """Close what it has open."""
        ...
