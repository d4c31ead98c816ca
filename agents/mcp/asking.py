"""How an MCP server at a URL is asked: httpx2's port over connections to addresses that were checked."""

from collections.abc import AsyncIterable, AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import cast

import httpcore
import httpx
import httpx2

from baton.core.web import NotPublic, Resolve, Unreachable
from baton.core.web.network import CheckedBackend

MOST_BYTES = 4 * 1024 * 1024
"""Bytes of an answer that is read as a whole."""


@dataclass
class Sending:
    """One call on its way: why nothing of it was sent, where that is sure; else None."""

    unsent: str | None = None


SENDING: ContextVar[Sending | None] = ContextVar("baton_mcp_sending", default=None)
"""The call that is on its way; the MCP client sends in the context of whoever calls."""


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Connects to checked addresses only; no proxy, and what failed before anything was sent is told apart."""

    def __init__(self, *, private: bool, resolve: Resolve) -> None:
        backend = CheckedBackend(private=private, resolve=resolve)
        tls = httpx.create_ssl_context(trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=backend, max_connections=None)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its answer's body is read from the stream."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=await request.aread(), extensions=_waits(request)
        )
        try:
            answer = await self._pool.handle_async_request(asked)
        except (Unreachable, NotPublic, ValueError, httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            if (sending := SENDING.get()) is not None:
                sending.unsent = str(error)
            raise httpx2.ConnectError(str(error)) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise httpx2.ReadError(str(error) or type(error).__name__) from error
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Body(answer), request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """An answer's body; one that is no stream of events is cut off where it grows too long."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer
        kinds = [value for name, value in answer.headers if name.lower() == b"content-type"]
        self._endless = any(kind.startswith(b"text/event-stream") for kind in kinds)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for piece in cast(AsyncIterable[bytes], self._answer.stream):
                read += len(piece)
                if read > MOST_BYTES and not self._endless:
                    raise httpx2.ReadError(f"the answer is longer than {MOST_BYTES} bytes")
                yield piece
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise httpx2.ReadError(str(error) or type(error).__name__) from error

    async def aclose(self) -> None:
        await self._answer.aclose()


def _waits(request: httpx2.Request) -> dict[str, object]:
    return {"timeout": request.extensions.get("timeout", {})}
