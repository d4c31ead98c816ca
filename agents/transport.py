"""How the model's client sends: httpx2's port over aiohttp.

With a thousand requests in flight a call takes some 1.4 ms of a processor's time this way, and 4 over httpx2's own
transport, whose pool looks at each of its connections for every request and which reads answers in Python.
"""

import contextlib
import urllib.request
from collections.abc import AsyncIterator, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx2

KEEP_SECONDS = 5.0
"""How long a connection that nobody uses is kept; what httpx2 does too."""


class AioTransport(httpx2.AsyncBaseTransport):
    """Sends the requests of a `httpx2.AsyncClient`, as many at once as there are.

    Proxies are those that the environment names. What fails is raised as httpx2 would.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its answer's body is read from the stream."""
        if self._session is None:
            self._session = _session()
        body = await request.aread()
        with _as_httpx2():
            answer = await self._send(self._session, request, body)
        return httpx2.Response(answer.status, headers=list(answer.raw_headers), stream=_Body(answer), request=request)

    async def _send(
        self, session: aiohttp.ClientSession, request: httpx2.Request, body: bytes, *, anew: bool = False
    ) -> aiohttp.ClientResponse:
        """Send, and once more over a new connection where one that was kept turns out to have been closed.

        The endpoint closes what is idle, while the request is on its way or the loop too busy to see it. That is no
        failure of the endpoint: with many runs in flight, enough of them come together to open its breaker.
        """
        limits: dict[str, float | None] = request.extensions.get("timeout", {})
        this = _Try(may=not anew)
        _TRY.set(this)
        try:
            return await session.request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=limits.get("pool"), sock_connect=limits.get("connect"), sock_read=limits.get("read")
                ),
                proxy=self._proxy(request.url),
            )
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not this.did:
                raise
        return await self._send(session, request, body, anew=True)

    def _proxy(self, url: httpx2.URL) -> str | None:
        place = (url.scheme, url.host)
        if place not in self._proxies:
            proxies = {} if urllib.request.proxy_bypass(url.host) else urllib.request.getproxies()
            self._proxies[place] = proxies.get(url.scheme) or proxies.get("all")
        return self._proxies[place]

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx2():
            async for piece in self._answer.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        self._answer.release()  # which closes the connection if there is more to come


@dataclass
class _Try:
    """One sending of a request: whether it may go over a connection that was kept, and whether it did."""

    may: bool
    did: bool = False


_TRY: ContextVar[_Try] = ContextVar("_TRY")


class _Connector(aiohttp.TCPConnector):
    async def _get(self, key: Any, traces: Any) -> Any:
        """A connection that was kept; None has a new one made."""
        if not _TRY.get().may:
            return None
        kept = await super()._get(key, traces)
        _TRY.get().did = kept is not None
        return kept


def _session() -> aiohttp.ClientSession:
    connector = _Connector(limit=0, keepalive_timeout=KEEP_SECONDS, ssl=httpx2.create_ssl_context())
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),  # httpx2 keeps them
        auto_decompress=False,  # and unpacks
    )


@contextlib.contextmanager
def _as_httpx2() -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise httpx2.TimeoutException(str(error)) from error
    except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as error:
        raise httpx2.ConnectError(str(error)) from error
    except ValueError as error:  # an address, or a proxy, that it cannot use
        raise httpx2.UnsupportedProtocol(str(error)) from error
    except aiohttp.ClientError as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
