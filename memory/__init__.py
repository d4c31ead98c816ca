"""What is known: facts, retrieval, token counting, and what fits into a request."""

from baton.memory.forgetting import Receipt
from baton.memory.index import Entry, KeywordIndex
from baton.memory.package import Dropped, Item, Manifest, Package, Section, message_tokens, pack, pack_chat
from baton.memory.service import Memory, Recalled
from baton.memory.tokens import BYTES, TiktokenCounter, TokenCounter, Utf8Bytes, counter
from baton.memory.vectors import Embedder, VectorIndex

__all__ = [
    "BYTES",
    "Dropped",
    "Embedder",
    "Entry",
    "Item",
    "KeywordIndex",
    "Manifest",
    "Memory",
    "Package",
    "Recalled",
    "Receipt",
    "Section",
    "TiktokenCounter",
    "TokenCounter",
    "Utf8Bytes",
    "VectorIndex",
    "counter",
    "message_tokens",
    "pack",
    "pack_chat",
]
