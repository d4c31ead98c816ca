"""Signatures of webhooks by the Standard Webhooks specification 1.0: `v1,` and the base64 of HMAC-SHA256."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from baton.core import BadSignature, InvalidValue, Secret

PREFIX = "whsec_"

WINDOW_SECONDS = 300.0
"""How far the time of a message may be from ours."""

_MOST_SIGNATURES = 20

_LEAST, _MOST = 24, 64  # bytes of a secret, by the specification


def signed(id: str, at: float, body: bytes, secrets: Sequence[Secret]) -> dict[str, str]:
    """The headers of a message: its id, the time of this attempt, and a signature with each of the secrets.

    Raises:
        NotFound: if a secret has no value.
        InvalidValue: if its value is no secret for webhooks.
    """
    stamp = str(int(at))
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, id, stamp, body) for secret in secrets),
    }


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: float) -> str:
    """The id of a message that is signed with one of the secrets, within five minutes; `headers` in lower case.

    Raises:
        BadSignature: if it is not.
        NotFound: if a secret has no value.
        InvalidValue: if its value is no secret for webhooks.
    """
    id, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (id and stamp and given):
        raise BadSignature("it has no signature: give the headers webhook-id, webhook-timestamp and webhook-signature")
    if len(id) > 256 or not id.isprintable() or not stamp.isdecimal() or len(stamp) > 12:
        raise BadSignature("webhook-id or webhook-timestamp is none")
    if abs(now - int(stamp)) > WINDOW_SECONDS:
        raise BadSignature("its time is more than five minutes from ours: sign it anew, and look at the clock")
    offered = [one.encode() for one in given.split(" ")[:_MOST_SIGNATURES]]
    wanted = [_signature(secret, id, stamp, body).encode() for secret in secrets]
    if not any(hmac.compare_digest(one, right) for one in offered for right in wanted):
        raise BadSignature("no signature is right: it was made with another secret, or the message was changed")
    return id


def _signature(secret: Secret, id: str, stamp: str, body: bytes) -> str:
    text = f"{id}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), text, hashlib.sha256)).decode()


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
