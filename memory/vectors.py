"""The vector index: Chroma, embedded, holding ids and vectors only. Made from the ledger, and can be made again.

One process uses a folder at a time: with two writers Chroma loses vectors without a word (chroma #3792). Its server is
never started (CVE-2026-45829), and its default embedding function, which reaches for the network, is never implied.
"""

import contextlib
import fcntl
import hashlib
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from baton.core import LedgerError
from baton.ledger.fact_changes import Mark

Vector = Sequence[float]

_LOCK = "lock"


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

    Chroma holds ids and vectors. A file of SQLite beside it holds which ids there are, where, and how far it has
    followed the ledger: it is written after Chroma, so that whatever was interrupted is done again.

    Args:
        folder: Where the files are.
        embedder: Name of what made the vectors.

    Raises:
        LedgerError: if another process uses the folder.
    """

    def __init__(self, folder: Path, embedder: str) -> None:
        self._folder = folder
        self._embedder = embedder
        self._lock = _locked(folder)
        self._open()

    def mark(self, origin: int) -> Mark | None:
        """How far it has followed the ledger of this origin; None if it has not begun."""
        row = self._known.execute(
            "SELECT first, second FROM mark WHERE embedder = ? AND origin = ?", (self._embedder, origin)
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def set_mark(self, origin: int, mark: Mark) -> None:
        """Note how far it has followed the ledger."""
        self._known.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)", (self._embedder, origin, *mark))

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of these entries that it has."""
        found: set[str] = set()
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            asked = f"SELECT id FROM entry WHERE embedder = ? AND id IN ({', '.join('?' * len(part))})"
            found.update(id for (id,) in self._known.execute(asked, (self._embedder, *part)))
        return found

    def add(self, places: Sequence[str], ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        """Add entries, each in its place, or put them in place of those with their ids."""
        for place in dict.fromkeys(places):
            mine = [n for n, its in enumerate(places) if its == place]
            self._collection(place).upsert(ids=[ids[n] for n in mine], embeddings=[list(vectors[n]) for n in mine])
        rows = [(self._embedder, id, place) for id, place in zip(ids, places, strict=True)]
        self._known.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", rows)

    def remove(self, ids: Sequence[str]) -> None:
        """Forget entries."""
        for id in ids:
            row = self._known.execute(
                "SELECT place FROM entry WHERE embedder = ? AND id = ?", (self._embedder, id)
            ).fetchone()
            if row is not None:
                self._collection(row[0]).delete(ids=[id])
                self._known.execute("DELETE FROM entry WHERE embedder = ? AND id = ?", (self._embedder, id))

    def search(self, vector: Vector, places: Sequence[str], k: int) -> list[str]:
        """The ids of the `k` nearest entries of some places, nearest first."""
        found: list[tuple[float, str]] = []
        for place in places:
            collection = self._collection(place)
            if count := collection.count():
                answer = collection.query([list(vector)], n_results=min(k, count), include=["distances"])
                found += zip(answer["distances"][0], answer["ids"][0], strict=True)
        return [id for _distance, id in sorted(found)[:k]]

    def audit(self) -> list[str]:
        """What is wrong with the index, in words: places whose count or whose answers are not what they should be."""
        counts = "SELECT place, count(*), min(id) FROM entry WHERE embedder = ? GROUP BY place"
        wrong: list[str] = []
        for place, count, id in self._known.execute(counts, (self._embedder,)).fetchall():
            collection = self._collection(place)
            if (there := collection.count()) != count:
                wrong.append(f"place {place} holds {there} vectors where it should hold {count}")
                continue
            mine = collection.get(ids=[id], include=["embeddings"])["embeddings"][0]
            if id not in self.search([float(x) for x in mine], [place], min(10, count)):
                wrong.append(f"place {place} does not find {id} by its own vector")
        return wrong

    def clear(self) -> None:
        """Forget everything; nothing of it stays in the folder."""
        self._shut()
        for file in self._folder.iterdir():
            if file.name != _LOCK:
                shutil.rmtree(file) if file.is_dir() else file.unlink()
        self._open()

    def close(self) -> None:
        """Let another process use the folder."""
        self._shut()
        self._lock.close()

    def _open(self) -> None:
        import chromadb  # 80 MB and over a second: only where vectors are used
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        self._client: Any = chromadb.PersistentClient(path=str(self._folder), settings=settings)
        self._known = sqlite3.connect(self._folder / "known.db", check_same_thread=False, isolation_level=None)
        for made in (
            "PRAGMA journal_mode = WAL",
            "CREATE TABLE IF NOT EXISTS entry (embedder TEXT, id TEXT, place TEXT, PRIMARY KEY (embedder, id))",
            "CREATE TABLE IF NOT EXISTS mark (embedder TEXT, origin INTEGER, first INTEGER, second INTEGER,"
            " PRIMARY KEY (embedder, origin))",
        ):
            self._known.execute(made)

    def _shut(self) -> None:
        self._client.close()
        self._known.close()

    def _collection(self, place: str) -> Any:
        """One collection a place and embedder, so that a search never filters, which is what Chroma is slow at."""
        name = "s" + hashlib.sha256(f"{place}\0{self._embedder}".encode()).hexdigest()[:40]
        return self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )


def discard(folder: Path, ids: Iterable[str]) -> bool:
    """Delete a vector index that knows any of these ids, whoever made its vectors; whether it did.

    Chroma keeps what was deleted in its files. So the whole index goes, and is made again from the ledger.

    Raises:
        LedgerError: if another process uses the folder.
    """
    known = folder / "known.db"
    if not known.exists():
        return False
    lock = _locked(folder)
    try:
        with contextlib.closing(sqlite3.connect(known)) as asked:
            there = {id for (id,) in asked.execute("SELECT id FROM entry")}
        if there.isdisjoint(ids):
            return False
        for file in folder.iterdir():
            if file.name != _LOCK:
                shutil.rmtree(file) if file.is_dir() else file.unlink()
        return True
    finally:
        lock.close()


def _locked(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / _LOCK).open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        hint = "End that process; or unset BATON_EMBEDDING_MODEL here and search by keywords alone."
        raise LedgerError(str(folder), "another process uses this vector index", hint) from error
    return lock
