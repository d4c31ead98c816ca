"""Text and JSON as they are stored, and canonical JSON for digests."""

import hashlib
import json
from typing import Any

import rfc8785


def storable(text: str) -> str:
    """The text with NUL and halves of surrogate pairs replaced, which can be neither stored nor sent."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def dump(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def digest(value: Any) -> str:
    """SHA-256 in hex over canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()
