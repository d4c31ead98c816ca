"""Signatures of webhooks by the Standard Webhooks specification 1.0: `v1,` and the base64 of HMAC-SHA256."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from baton.core import InvalidValue, Secret

PREFIX = "whsec_"

_LEAST, _MOST = 24, 64  # bytes of a secret, by the specification


def signed(id: str, at: float, body: bytes, secrets: Sequence[Secret]) -> dict[str, str]:
    """The headers of a message: its id, the time of this attempt, and a signature with each of the secrets.

    Raises:
        NotFound: if a secret has no value.
        InvalidValue: if its value is no secret for webhooks.
    """
    stamp = str(int(at))
    text = f"{id}.{stamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(_key(secret), text, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: Secret) -> bytes:
    value = secret.reveal()
    try:
        key = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not value.startswith(PREFIX) or not _LEAST <= len(key) <= _MOST:
        allowed = f"{PREFIX} and the base64 of {_LEAST} to {_MOST} random bytes"
        raise InvalidValue(f"secret {secret.name}", "***", allowed)
    return key
