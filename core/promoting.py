"""Promotion records: that a gate has passed exactly what is at work, signed by whoever may say so.

A record ties hashes of prompts, models, tools, policies and thresholds to the evaluation that they passed. Where one
of them changes, it speaks of something else and has lapsed.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rfc8785

from baton.core.errors import InvalidFile, InvalidValue

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = "ed25519:"
"""What a public key begins with, as project files have it; the rest is Base64."""


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What a project asks before its agents may write alone.

    Attributes:
        record: The file of the promotion record.
        key: The public key of whoever signs such, as `ed25519:…`.
    """

    record: Path
    key: str

    def __post_init__(self) -> None:
        """Refuse a key that is none.

        Raises:
            InvalidValue: for one that cannot be read.
        """
        _public(self.key)

    def lacks(self, hashes: Mapping[str, str]) -> str:
        """Why agents with these hashes may not write alone; empty where they may. What cannot be read promotes nothing.

        Args:
            hashes: Of prompts, models, tools, policies and thresholds, as they are now.
        """
        try:
            said = read_record(self.record)
        except InvalidFile as error:
            return f"there is no promotion record that can be read ({error.said})"
        if not signed_by(said, self.key):
            return f"the promotion record {self.record.name} is not signed by the key that the project names"
        if said.get("verdict") != "pass":
            return f"the gate said {said.get('verdict')!r} in the promotion record {self.record.name}"
        promoted = said.get("hashes")
        known = cast("dict[str, Any]", promoted) if isinstance(promoted, dict) else {}
        changed = [name for name, value in hashes.items() if known.get(name) != value]
        if changed:
            return f"the promotion has lapsed: {', '.join(changed)} changed since {said.get('evaluation', '')}".rstrip()
        return ""


def read_record(path: Path) -> dict[str, Any]:
    """A promotion record, whoever signed it.

    Raises:
        InvalidFile: if there is none that can be read.
    """
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise InvalidFile(str(path), None, "promotion record", problem, "one that `baton eval gate` wrote") from error
    if not isinstance(said, dict):
        raise InvalidFile(str(path), None, "promotion record", type(said).__name__, "a JSON object")
    return said  # pyright: ignore[reportUnknownVariableType]


def new_key() -> str:
    """A private key, as a PEM text."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_key(pem: str) -> str:
    """The public key of a private one, as project files have it.

    Raises:
        InvalidValue: if that is no private Ed25519 key.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = _private(pem).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return PREFIX + base64.b64encode(raw).decode()


def sign(record: Mapping[str, Any], pem: str) -> dict[str, Any]:
    """A record with its signature, over canonical JSON (RFC 8785).

    Raises:
        InvalidValue: if that is no private Ed25519 key.
    """
    signature = _private(pem).sign(_content(record))
    return {**record, "signature": base64.b64encode(signature).decode()}


def signed_by(record: Mapping[str, Any], key: str) -> bool:
    """Whether a record is as the holder of a key has signed it."""
    from cryptography.exceptions import InvalidSignature

    try:
        signature = base64.b64decode(str(record.get("signature", "")), validate=True)
        _public(key).verify(signature, _content(record))
    except (ValueError, InvalidSignature):
        return False
    return True


def _content(record: Mapping[str, Any]) -> bytes:
    return rfc8785.dumps({name: value for name, value in record.items() if name != "signature"})


def _private(pem: str) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidValue("signing key", "…", "a private Ed25519 key, as `baton eval key` makes it") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidValue("signing key", type(key).__name__, "a private Ed25519 key, as `baton eval key` makes it")
    return key


def _public(key: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if not key.startswith(PREFIX):
            raise ValueError(key)
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix(PREFIX), validate=True))
    except ValueError as error:
        raise InvalidValue("key of a promotion", key, "ed25519:… as `baton eval key` prints it") from error
