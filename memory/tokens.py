"""Counting tokens without ever asking the network.

tiktoken fetches its ranks by itself, with no time-out. Here they are read from a folder, or not at all; then
UTF-8 bytes stand in, the only cheap bound that holds for every text, as a token is never less than a byte.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from baton.memory import ranks

if TYPE_CHECKING:
    from tiktoken import Encoding

BYTES = "utf8-bytes-upper-bound"

_SURROGATE = re.compile("[\ud800-\udfff]")
_REMEMBERED = 8192
_CHARACTERS_A_TOKEN = 16  # more than tokens usually have: a long text is not encoded whole to keep its beginning


class TokenCounter(Protocol):
    """Counts tokens as one family of models does, or bounds them."""

    @property
    def name(self) -> str:
        """What is counted with; recorded with every context."""
        ...

    @property
    def exact(self) -> bool:
        """Whether counts are a model's own; if not, they are never too low."""
        ...

    def count(self, text: str) -> int:
        """Tokens in `text`."""
        ...

    def cut(self, text: str, tokens: int) -> tuple[str, int]:
        """The beginning of `text` that takes at most `tokens`, and the offset at which the rest begins."""
        ...


class Utf8Bytes:
    """Bytes in UTF-8: never fewer than tokens, whichever model counts."""

    name = BYTES
    exact = False

    def count(self, text: str) -> int:
        """Bytes in `text`."""
        return len(_clean(text).encode())

    def cut(self, text: str, tokens: int) -> tuple[str, int]:
        """The beginning of `text` that takes at most `tokens` bytes, and the offset at which the rest begins."""
        head = text[: max(0, tokens)]
        end = len(_clean(head).encode()[: max(0, tokens)].decode(errors="ignore"))
        return text[:end], end


class TiktokenCounter:
    """Tokens by one of tiktoken's encodings; counts of recent texts are remembered.

    Args:
        encoding: The encoding, loaded.
    """

    exact = True

    def __init__(self, encoding: "Encoding") -> None:
        self.name = encoding.name
        self._encoding = encoding
        self._lock = threading.Lock()
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def count(self, text: str) -> int:
        """Tokens in `text`; what looks like a special token counts as the text it is."""
        data = _clean(text).encode()
        key = hashlib.blake2b(data, digest_size=16).digest()
        with self._lock:
            if key in self._counts:
                self._counts.move_to_end(key)
                return self._counts[key]
        found = len(self._encode(text))
        with self._lock:
            self._counts[key] = found
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
        return found

    def cut(self, text: str, tokens: int) -> tuple[str, int]:
        """The beginning of `text` that takes at most `tokens`, and the offset at which the rest begins."""
        beginning = text[: max(0, tokens) * _CHARACTERS_A_TOKEN]
        pieces = self._pieces(beginning)
        if len(pieces) <= tokens and len(beginning) < len(text):
            pieces = self._pieces(text)
        for kept in range(min(max(0, tokens), len(pieces)), 0, -1):
            end = len(b"".join(pieces[:kept]).decode(errors="ignore"))
            # A beginning that ends inside a word or character may take more tokens by itself than it did before.
            if end == len(text) or len(self._encode(text[:end])) <= tokens:
                return text[:end], end
        return "", 0

    def _pieces(self, text: str) -> list[bytes]:
        return self._encoding.decode_tokens_bytes(self._encode(text))

    def _encode(self, text: str) -> list[int]:
        return self._encoding.encode(_clean(text), disallowed_special=())


def counter(encoding_for: str | None, folder: Path | None = None) -> TokenCounter:
    """The best counter at hand.

    Args:
        encoding_for: A model or an encoding, such as `gpt-4o` or `o200k_base`; None for a model nobody knows.
        folder: Where rank files are, named as tiktoken's own cache names them; None looks wherever they may be, see
            `ranks.folders`.

    Returns:
        Exact counts where the encoding is known and its ranks are there and intact, else the bound in bytes.
    """
    encoding = _load(encoding_for, ranks.folders() if folder is None else (folder,)) if encoding_for else None
    return TiktokenCounter(encoding) if encoding else Utf8Bytes()


def encoding_of(model: str) -> str | None:
    """What tiktoken calls the encoding of a model, or of one of its encodings; None for what it does not know."""
    from tiktoken.model import encoding_name_for_model

    if model in ranks.constructors(ranks.read_ranks(())):
        return model
    try:
        return encoding_name_for_model(model)
    except KeyError:
        return None


@lru_cache(maxsize=8)
def _load(model: str, folders: tuple[Path, ...]) -> "Encoding | None":
    """The encoding for `model`; None if it is unknown or its ranks are in none of the folders."""
    from tiktoken import Encoding

    name = encoding_of(model)
    if name is None:
        return None
    try:
        return Encoding(**ranks.constructors(ranks.read_ranks(folders))[name]())
    except (KeyError, ranks.NotAtHand):
        return None


def _clean(text: str) -> str:
    """`text` with each lone surrogate replaced by a character of the same length, as UTF-8 has none."""
    return _SURROGATE.sub("\ufffd", text)
