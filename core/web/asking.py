"""Asking over HTTP: who may be asked, one request at a time, and what its failure means."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TypedDict

import httpcore
import httpx

from baton.core.errors import TryAgain
from baton.core.secrets import Secret
from baton.core.web import answers
from baton.core.web.network import CheckedBackend, Resolve, Unreachable
from baton.core.web.urls import PORTS, Hosts, Target, read_url

_REDIRECTS = (301, 302, 303, 307, 308)
_LATER = (408, 425, 429)
"""Statuses by which a server says that it has not handled a request and may later."""

_MAYBE_LATER = 503
"""Says the same where it names a time. Without one it may come from a proxy that has lost a server at work."""

_BROKEN = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError)

Headers = Mapping[str, Mapping[str, str | Secret]]
"""By host, what is sent to it and to nobody else."""


class Answered(TypedDict):
    """What a server answered; `url` is where the last redirect led, `whole` whether the text is all of it."""

    url: str
    status: int
    content_type: str
    text: str
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Web:
    """What may be asked, and how."""

    hosts: Hosts | None
    private: Hosts
    headers: Mapping[str, Mapping[str, str | Secret]]
    timeout: float
    most: int
    redirects: int
    given: ssl.SSLContext | None
    resolve: Resolve = field(repr=False)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Made once: reading the list of authorities takes longer than a request."""
        return self.given or httpx.create_ssl_context(trust_env=False)

    async def fetch(self, url: str) -> Answered:
        """What is at a URL, redirects followed; see `fetch_url`."""
        target = self._may(read_url(url))
        async with asyncio.timeout(self.timeout):
            for _ in range(self.redirects + 1):
                async with self._asked(target, "GET", b"", {}) as response:
                    location = answers.header(response, b"location")
                    if response.status not in _REDIRECTS or not location:
                        return await self._read(target, response)
                target = self._may(target.follow(location))
        raise ValueError(f"it redirects more than {self.redirects} times")

    async def send(self, url: str, method: str, content: bytes, sent: Mapping[str, str]) -> Answered:
        """What is answered to a write; see `send_http`."""
        target = self._may(read_url(url))
        async with asyncio.timeout(self.timeout), self._asked(target, method, content, sent) as response:
            status, after = response.status, _after(response)
            if status in _LATER or (status == _MAYBE_LATER and after is not None):
                raise TryAgain(f"{target.host} answered {status}", after=after)
            if status >= 500:
                raise ConnectionError(f"{target.host} answered {status}")
            return await self._received(target, response)

    def _may(self, target: Target) -> Target:
        """The target, if it may be asked."""
        if target in self.private or (self.hosts is not None and target in self.hosts):
            return target
        if self.hosts is not None:
            listed = str(self.hosts) or "none but private ones"
            raise ValueError(f"{target.name} may not be asked over {target.url.scheme}; what may be: {listed}")
        if target.port != PORTS[target.url.scheme]:
            raise ValueError(f"port {target.port} may not be asked: only 443 for https and 80 for http")
        return target

    @contextlib.asynccontextmanager
    async def _asked(
        self, target: Target, method: str, content: bytes, sent: Mapping[str, str]
    ) -> AsyncGenerator[httpcore.Response]:
        """One request to one server; what fails before anything was sent is told apart from what fails later."""
        headers = {"Host": target.name, "User-Agent": "baton", "Accept": "*/*", "Accept-Encoding": "identity"}
        every = list((headers | dict(sent) | self._own(target)).items())
        tls = self.tls if target.url.scheme == "https" else None
        backend = CheckedBackend(private=target in self.private, resolve=self.resolve)
        waits = {"connect": self.timeout / 3, "read": self.timeout, "write": self.timeout, "pool": self.timeout}
        url = httpcore.URL(scheme=target.url.raw_scheme, host=target.host, port=target.port, target=target.url.raw_path)
        body = content if content or method in ("POST", "PUT", "PATCH") else None
        try:
            async with (
                httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=backend) as pool,
                pool.stream(method, url, headers=every, content=body, extensions={"timeout": waits}) as response,
            ):
                yield response
        except (Unreachable, httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise TryAgain(f"no connection to {target.host}: {error}") from error
        except _BROKEN as error:
            raise ConnectionError(f"{target.host}: {error or type(error).__name__}") from error

    def _own(self, target: Target) -> dict[str, str]:
        """What the operator has this host sent, its secrets looked up."""
        own = self.headers.get(target.host, {})
        if own and target.url.scheme != "https" and target not in self.private:
            raise ValueError(f"{target.host} is asked over https only, for it is sent a secret: give https://")
        return {name.title(): value.reveal() if isinstance(value, Secret) else value for name, value in own.items()}

    async def _read(self, target: Target, response: httpcore.Response) -> Answered:
        """The answer to a read; it may be asked again."""
        if response.status in _LATER or response.status >= 500:
            raise TryAgain(f"{target.host} answered {response.status}", after=_after(response))
        body = await answers.read(response, self.most)
        if not answers.is_text(response, body):
            kind = answers.header(response, b"content-type") or "of no named type"
            raise ValueError(f"it is no text but {kind}, {_size(response, body)}")
        return _answered(target, response, answers.text(response, body), whole=body.whole)

    async def _received(self, target: Target, response: httpcore.Response) -> Answered:
        """The answer to a write, which has happened: whatever is wrong with the text is said in it."""
        try:
            body = await answers.read(response, self.most)
        except (ValueError, *_BROKEN) as error:
            return _answered(target, response, f"[the answer cannot be read: {error}]", whole=False)
        if not answers.is_text(response, body):
            return _answered(target, response, f"[no text, {_size(response, body)}]", whole=False)
        return _answered(target, response, answers.text(response, body), whole=body.whole)


def _answered(target: Target, response: httpcore.Response, text: str, *, whole: bool) -> Answered:
    kind = answers.header(response, b"content-type")
    if response.status in _REDIRECTS:
        text = f"[redirects to {answers.header(response, b'location')}]\n{text}"
    return Answered(url=str(target.url), status=response.status, content_type=kind, text=text, whole=whole)


def _size(response: httpcore.Response, body: answers.Body) -> str:
    said = answers.header(response, b"content-length")
    return f"{said or len(body.raw)} bytes" if said or body.whole else f"more than {len(body.raw)} bytes"


def _after(response: httpcore.Response) -> float | None:
    """Seconds that a server asks to wait; None where it does not say."""
    said = answers.header(response, b"retry-after")
    if said.isdecimal():
        return min(float(said), 86_400.0)
    with contextlib.suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    return None
