"""What is known: facts, retrieval, token counting, and what fits into a request."""

from baton.memory.consolidating import Extractor, Tidied
from baton.memory.explaining import Explanation, Relation, explained
from baton.memory.forgetting import Receipt
from baton.memory.index import Entry, KeywordIndex
from baton.memory.package import (
    Dropped,
    Item,
    Manifest,
    Package,
    Part,
    Section,
    arranged,
    message_tokens,
    pack,
    pack_request,
    text_tokens,
    turns_dropped,
)
from baton.memory.ports import Keywords, Vectors
from baton.memory.service import Memory, Recalled
from baton.memory.tidying import Tidier
from baton.memory.tokens import BYTES, TiktokenCounter, TokenCounter, Utf8Bytes, counter
from baton.memory.vectors import Embedder, VectorIndex

__all__ = [
    "BYTES",
    "Dropped",
    "Embedder",
    "Entry",
    "Explanation",
    "Extractor",
    "Item",
    "KeywordIndex",
    "Keywords",
    "Manifest",
    "Memory",
    "Package",
    "Part",
    "Recalled",
    "Receipt",
    "Relation",
    "Section",
    "Tidied",
    "Tidier",
    "TiktokenCounter",
    "TokenCounter",
    "Utf8Bytes",
    "VectorIndex",
    "Vectors",
    "arranged",
    "counter",
    "explained",
    "message_tokens",
    "pack",
    "pack_request",
    "text_tokens",
    "turns_dropped",
]
