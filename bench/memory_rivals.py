"""What recall is measured beside: exact search with numpy, and Chroma alone, over vectors made without a model.

A vector counts words, hashed into 4,096 places (384 for Chroma, as its usual models have), weighted by how rare each is
among the turns. Both are plug-ins of ../shared/bench/locomo_recall.py; its own `fts5` is the third rival.
"""

import hashlib
import math
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

Vectors = np.ndarray[Any, np.dtype[np.float64]]
Search = Callable[[str, int], list[str]]


class Turn(Protocol):
    """What the benchmark tells of a turn."""

    id: str

    @property
    def line(self) -> str: ...


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


class _Hashed:
    """Vectors of words, weighted by how rare they are in some texts."""

    def __init__(self, texts: Sequence[str], places: int) -> None:
        self._places = places
        self._in = Counter(word for text in texts for word in set(_words(text)))
        self._texts = len(texts)

    def __call__(self, text: str) -> Vectors:
        vector = np.zeros(self._places)
        for word, count in Counter(_words(text)).items():
            place = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big") % self._places
            vector[place] += (1 + math.log(count)) * math.log(1 + self._texts / (1 + self._in[word]))
        norm = float(np.linalg.norm(vector))
        return vector / norm if norm else vector


def exact(turns: Sequence[Turn]) -> Search:
    """Every vector compared, with numpy."""
    hashed = _Hashed([turn.line for turn in turns], 4096)
    matrix = np.stack([hashed(turn.line) for turn in turns])

    def search(query: str, k: int) -> list[str]:
        order = np.argsort(-(matrix @ hashed(query)), kind="stable")[:k]
        return [turns[place].id for place in order]

    return search


def chroma(turns: Sequence[Turn]) -> Search:
    """Chroma alone."""
    import chromadb
    from chromadb.config import Settings

    hashed = _Hashed([turn.line for turn in turns], 384)
    client = chromadb.PersistentClient(tempfile.mkdtemp(), settings=Settings(anonymized_telemetry=False))
    made: Any = client.create_collection("turns", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
    made.add(ids=[turn.id for turn in turns], embeddings=[hashed(turn.line).tolist() for turn in turns])

    def search(query: str, k: int) -> list[str]:
        found: list[str] = made.query([hashed(query).tolist()], n_results=min(k, len(turns)))["ids"][0]
        return found

    return search
