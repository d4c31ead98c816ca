"""Around every request: how large it is, what stands in its address, whom it is for; and headers for browsers."""

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from baton.server.failing import failure

MOST_BYTES = 2 * 1024 * 1024
"""Bytes that a request's body has at most."""

_TOO_LARGE = f"the body is too large: give at most {MOST_BYTES} bytes"

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Door:
    """Lets in what may come in, and gives each answer the headers that keep a browser from being tricked."""

    def __init__(self, app: ASGIApp, *, alone: bool, base_path: str) -> None:
        """Before `app`.

        Args:
            app: What answers.
            alone: Whether to take only requests to a name of this machine.
            base_path: What addresses begin with behind a proxy, whether the proxy takes it away or not.
        """
        self._app, self._alone, self._base_path = app, alone, base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await failure(*refused)(scope, receive, guarded)
            return
        await self._app(self._based(scope), _Body(receive).receive, guarded)

    def _based(self, scope: Scope) -> Scope:
        base, path = self._base_path, scope["path"]
        if not base:
            return scope
        return {**scope, "root_path": base, "path": path if path.startswith(f"{base}/") else base + path}

    def _refused(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        host = _HOST.fullmatch(headers.get("host", ""))
        if host is None or (host[1] and not _is_address(host[1])):
            return 422, "InvalidValue", "the header Host is not allowed: give a name or an address"
        if self._alone and not is_loopback(host[1] or host[2]):
            return 403, "Forbidden", "one person works here alone: only names of this machine are answered"
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return 422, "InvalidValue", "a NUL in the address is not allowed: leave it out"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
            return 413, "TooLarge", _TOO_LARGE
        return None


_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::[0-9]{1,5})?", re.ASCII)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Body:
    """Counts what comes of a body."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._bytes = receive, 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message
