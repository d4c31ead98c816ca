"""What comes back over HTTP, as text: no more of it than was asked for, and nothing that is no text."""

import re
import zlib
from collections.abc import AsyncIterable
from dataclasses import dataclass

import httpcore

_TEXT = re.compile(r"text/.*|(application|image)/(.*[+])?(json|xml|yaml|javascript|x-www-form-urlencoded|x-ndjson)")
_CHARSET = re.compile(
    r"utf-?(8|16|32)(-?[lb]e)?|(us-)?ascii|latin-?1|(iso-?8859|iso-?2022|windows|cp|koi8|euc|gb|big5|shift|mac)[\w-]*",
    re.IGNORECASE,
)
"""Those that pages are written in. Python knows others, such as punycode, which take hours for a megabyte."""

_GUESS = 1024
"""Bytes that are looked at where nobody says what they are."""


@dataclass(frozen=True)
class Body:
    """What was read.

    Attributes:
        raw: The bytes, unpacked.
        whole: Whether that is all of it.
    """

    raw: bytes
    whole: bool


def header(response: httpcore.Response, name: bytes) -> str:
    """The value of a header; empty where there is none."""
    return next((value.decode("utf-8", "replace") for key, value in response.headers if key.lower() == name), "")


async def read(response: httpcore.Response, most: int) -> Body:
    """Read the body, up to `most` bytes unpacked: a small packed one may hold gigabytes.

    Raises:
        ValueError: if it is packed in a way that was not asked for.
    """
    packed = header(response, b"content-encoding").lower()
    if packed not in ("", "identity", "gzip", "x-gzip"):
        raise ValueError(f"the answer is packed ({packed}) though it was asked not to be")
    unpack = zlib.decompressobj(wbits=31) if packed in ("gzip", "x-gzip") else None
    assert isinstance(response.stream, AsyncIterable)
    read, size = list[bytes](), 0
    async for piece in response.stream:
        try:
            part = unpack.decompress(piece, most + 1 - size) if unpack else piece
        except zlib.error as error:
            raise ValueError("the answer says that it is packed with gzip, and is not") from error
        read.append(part)
        size += len(part)
        if size > most:
            return Body(b"".join(read)[:most], whole=False)
    return Body(b"".join(read), whole=unpack is None or unpack.eof)


def is_text(response: httpcore.Response, body: Body) -> bool:
    """Whether a body is text: by its type, or where it has none by its first bytes."""
    kind = header(response, b"content-type").partition(";")[0].strip().lower()
    return bool(_TEXT.fullmatch(kind)) if kind else b"\0" not in body.raw[:_GUESS]


def text(response: httpcore.Response, body: Body) -> str:
    """The body in its charset, UTF-8 where it names none that is known; what does not fit is replaced."""
    named = re.search(r"""charset\s*=\s*["']?([\w.:-]+)""", header(response, b"content-type"), re.IGNORECASE)
    charset = named[1] if named and _CHARSET.fullmatch(named[1]) else "utf-8"
    try:
        decoded = body.raw.decode(charset, "replace")
    except LookupError:
        decoded = body.raw.decode("utf-8", "replace")
    return decoded.removeprefix("\ufeff")
