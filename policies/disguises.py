"""What a value may be in another dress: encoded, written in look-alike letters. Never a reason to trust it more."""

import base64
import binascii
import re
import unicodedata
from urllib.parse import unquote

_LONGEST = 4096
_PARTS = 4
_DEPTH = 2
_SHORTEST = 8
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_HEX = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2}[\s:,-]?){4,})")
_SPACES = re.compile(r"[\s:,-]|\\?0?x")

_CODES = (
    "430 435 43e 440 441 443 445 456 458 455 501 4bb 4cf 432 43a 43c 43d 442 51b 51d 3b1 3b2 3b5 3b9 "
    "3ba 3bd 3bf 3c1 3c4 3c5 3c7 3b7 3c9 3b3 131 251 261 2010 2011 2012 2013 2014 2212 2219"
)
_LOOKALIKES = dict(
    zip((int(code, 16) for code in _CODES.split()), "aeopcyxijsdhlbkmhtqwabeikvoptuxnwyiag------.", strict=True)
)
"""Letters of other scripts that pass for Latin ones (Unicode's confusables, UTS 39); Cyrillic, Greek, a few more."""


def decoded(text: str) -> list[str]:
    """What `text` or a part of it says in base64, hex or URL-encoding; in plain text only, at most a few."""
    found: list[str] = []
    left = [text[:_LONGEST]]
    for _ in range(_DEPTH):
        left = [plain for coded in left for plain in _decoded_once(coded)]
        found += left
    return list(dict.fromkeys(found))


def encoded(text: str) -> list[str]:
    """Runs of letters and figures that stand in any text which holds `text` in base64 or hex, lower case."""
    raw = text.encode("utf-8", "replace")[:_LONGEST]
    forms = [raw.hex()]
    for shift in range(3):
        # The characters at both ends depend on what stands beside the text.
        code = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        forms.append(code[(0, 2, 3)[shift] : len(code) - (1 if (len(raw) + shift) % 3 else 0)])
    runs = [max(re.split(r"[^A-Za-z0-9]+", form), key=len) for form in forms]
    return [run.lower() for run in runs if len(run) >= _SHORTEST]


def unmasked(text: str) -> str | None:
    """`text` with look-alike letters as those they pass for; None where there are none."""
    if text.isascii():
        return None
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(letter for letter in folded if unicodedata.category(letter) not in ("Cf", "Mn"))
    plain = visible.translate(_LOOKALIKES)
    return plain if plain != folded else None


def _decoded_once(text: str) -> list[str]:
    found = [unquote(text, errors="strict")] if "%" in text and _is_url_encoded(text) else []
    for match in list(_BASE64.finditer(text))[:_PARTS]:
        found += _plain(_from_base64(match.group()))
    for match in list(_HEX.finditer(text))[:_PARTS]:
        found += _plain(_from_hex(match.group(1)))
    return [plain for plain in found if plain != text]


def _is_url_encoded(text: str) -> bool:
    try:
        return unquote(text, errors="strict") != text
    except UnicodeDecodeError:
        return False


def _from_base64(code: str) -> bytes:
    code = code.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _from_hex(code: str) -> bytes:
    digits = _SPACES.sub("", code)
    return bytes.fromhex(digits) if len(digits) % 2 == 0 else b""


def _plain(raw: bytes) -> list[str]:
    """Bytes as text, where they are some."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return []
    return [text] if len(text) >= 3 and all(letter.isprintable() or letter.isspace() for letter in text) else []
