"""The vector index: Chroma, embedded, holding ids and vectors only. Made from the ledger, and can be made again.

One process uses a folder at a time: with two writers Chroma loses vectors without a word (chroma #3792). Its server is
never started (CVE-2026-45829), and its default embedding function, which reaches for the network, is never implied.
"""

import fcntl
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from baton.core import LedgerError

Vector = Sequence[float]


class Embedder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str:
        """Model and place; vectors of another name are never compared with these."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, all of one length."""
        ...


class VectorIndex:
    """Finds entries by the nearness of their vectors.

    Args:
        folder: Where Chroma keeps its files.
        embedder: Name of what made the vectors.

    Raises:
        LedgerError: if another process uses the folder.
    """

    def __init__(self, folder: Path, embedder: str) -> None:
        import chromadb  # 80 MB and over a second: only where vectors are used
        from chromadb.config import Settings

        self._embedder = embedder
        self._lock = _locked(folder)
        self._client: Any = chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))

    def known(self, scope: str) -> set[str]:
        """The ids of a scope's entries."""
        return set(self._collection(scope).get(include=[])["ids"])

    def add(self, scope: str, ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        """Add entries, or put them in place of those with their ids."""
        if ids:
            self._collection(scope).upsert(ids=list(ids), embeddings=[list(vector) for vector in vectors])

    def remove(self, scope: str, ids: Sequence[str]) -> None:
        """Forget entries."""
        if ids:
            self._collection(scope).delete(ids=list(ids))

    def search(self, vector: Vector, scopes: Sequence[str], k: int) -> list[str]:
        """The ids of the `k` nearest entries of some scopes, nearest first."""
        found: list[tuple[float, str]] = []
        for scope in scopes:
            collection = self._collection(scope)
            if count := collection.count():
                answer = collection.query([list(vector)], n_results=min(k, count), include=["distances"])
                found += zip(answer["distances"][0], answer["ids"][0], strict=True)
        return [id for _distance, id in sorted(found)[:k]]

    def close(self) -> None:
        """Let another process use the folder."""
        self._client.close()
        self._lock.close()

    def _collection(self, scope: str) -> Any:
        """One collection a scope and embedder, so that a search never filters, which is what Chroma is slow at."""
        name = "s" + hashlib.sha256(f"{scope}\0{self._embedder}".encode()).hexdigest()[:40]
        return self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )


def _locked(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        hint = "End that process; or unset BATON_EMBEDDING_MODEL here and search by keywords alone."
        raise LedgerError(str(folder), "another process uses this vector index", hint) from error
    return lock
