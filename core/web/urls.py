"""URLs as they are asked for: read once, by one parser, and held against lists of hosts. No I/O."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

import httpx

from baton.core.errors import InvalidValue

PORTS = {"http": 80, "https": 443}

MOST = 8_000
"""Characters of the longest URL."""

_ODD = re.compile(r"[\x00-\x20\x7f\\]|\s")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


@dataclass(frozen=True)
class Target:
    """What a URL asks for.

    Attributes:
        url: As httpx reads it, without its fragment; what is checked and what is asked are one.
        host: In lower case and ASCII, without a dot at its end; an IPv6 address without brackets.
        port: Where no other is named, that of the scheme.
    """

    url: httpx.URL
    host: str
    port: int

    @property
    def name(self) -> str:
        """Host and port as a `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.url.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who answers it."""
        return self.url.scheme, self.host, self.port

    def follow(self, location: str) -> "Target":
        """Where a redirect leads.

        Raises:
            ValueError: if it cannot be followed; says why.
        """
        if _ODD.search(location):
            raise ValueError("the redirect leads to something that is no URL")
        try:
            joined = str(self.url.join(location))
        except (httpx.InvalidURL, ValueError) as error:
            raise ValueError("the redirect leads to something that is no URL") from error
        there = read_url(joined)
        if self.url.scheme == "https" and there.url.scheme == "http":
            raise ValueError(f"{self.host} redirects from https to http, which is not followed")
        return there


def read_url(text: str) -> Target:
    """Read a URL.

    Raises:
        ValueError: with a sentence for the model, if it is not http or https, names a user, or gives its host in a way
            that others might read differently.
    """
    if len(text) > MOST or _ODD.search(text):
        raise ValueError("that is no URL: no spaces, backslashes or control characters, 8000 characters at most")
    try:
        url = httpx.URL(text).copy_with(fragment=None)
        host = url.raw_host.decode("ascii").removesuffix(".")
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError("that is no URL: give one such as https://example.org/page") from error
    if url.scheme not in PORTS:
        raise ValueError(f"{url.scheme or 'no scheme'!r} is not asked: only http:// and https:// are")
    if url.userinfo or "@" in text.split("://", 1)[-1].partition("/")[0].partition("?")[0].partition("#")[0]:
        raise ValueError("a URL with a user name or password is not asked: leave out what stands before the @")
    check_host(host)
    if is_address(host):
        host = ip_address(host).compressed
    port = PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port < 65536:
        raise ValueError(f"there is no port {port}")
    return Target(url.copy_with(host=host), host, port)


def check_host(host: str) -> None:
    """Refuse what is neither a name nor an address in its usual form.

    Raises:
        ValueError: says what it must be.
    """
    if is_address(host):
        return
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{host!r} is no host: give a name such as example.org")
    if _NUMBER.fullmatch(labels[-1]):  # what inet_aton makes an address of: 2130706433, 127.1, 0x7f000001, 0177.0.0.1
        raise ValueError(f"{host!r} is an address in an odd form: give four decimal numbers, such as 192.0.2.1")


def is_address(host: str) -> bool:
    """Whether a host is an address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


@dataclass(frozen=True)
class _Entry:
    host: str
    below: bool
    port: int | None

    def holds(self, target: Target) -> bool:
        if self.port is not None:
            right_port = target.port == self.port
        else:
            right_port = target.port == PORTS[target.url.scheme]
        if self.below:
            return right_port and target.host.endswith("." + self.host)
        return right_port and target.host == self.host


class Hosts:
    """A list of hosts: exact names or addresses, `*.name` for every name below one, each with a port or without."""

    def __init__(self, what: str, entries: Iterable[str]) -> None:
        """Read the list.

        Args:
            what: What it is called, for errors.
            entries: Such as `api.shop.example`, `*.shop.example`, `127.0.0.1:8080`, `[::1]:8080`. Without a port, an
                entry holds for 80 and 443, each with its scheme.

        Raises:
            InvalidValue: if an entry cannot be one.
        """
        self._entries = tuple(self._read(what, entry) for entry in entries)

    def __contains__(self, target: Target) -> bool:
        """Whether a target is one of them."""
        return any(entry.holds(target) for entry in self._entries)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._entries)

    def __str__(self) -> str:
        """The list for people."""
        shown = [(("*." if e.below else "") + e.host, e.port) for e in self._entries]
        return ", ".join(host if port is None else f"{host}:{port}" for host, port in shown)

    def _read(self, what: str, text: str) -> _Entry:
        below = text.startswith("*.")
        try:
            target = read_url(f"http://{text.removeprefix('*.')}")
            if target.url.raw_path != b"/" or (below and is_address(target.host)):
                raise ValueError
        except ValueError as error:
            allowed = "a name such as api.shop.example, or *.shop.example, with a port after a colon where it has one"
            raise InvalidValue(what, text, allowed) from error
        names_port = re.search(r":\d+$", text) and not text.endswith("]")
        return _Entry(target.host, below, target.port if names_port else None)
