"""The simulated endpoint inside a test's process, through respx; needs respx installed.

    with respx.mock(using="httpx2") as router:
        mount_simulated(router, "https://api.openai.com/v1", ScriptedMind([...]))

The OpenAI client speaks through httpx2, which respx does not know; `Httpx2Mocker` teaches it. With a client of httpx,
`respx.mock` alone does.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, cast

import httpx
import httpx2
import respx
from respx.mocks import AbstractRequestMocker

from baton.agents.simulated.endpoint import Endpoint, Reply
from baton.agents.simulated.faults import Faults
from baton.agents.simulated.minds import Mind


def mount_simulated(
    router: respx.MockRouter,
    base_url: str,
    minds: Mind | Mapping[str, Mind],
    faults: Faults | None = None,
) -> None:
    """Answer what a router catches below `base_url`; the routes are named `chat`, `embeddings` and `models`.

    A hang is over at once: the client's read time-out is raised without waiting for it.
    """
    endpoint = Endpoint(minds, faults)
    base = base_url.rstrip("/")

    async def chat(request: httpx.Request) -> httpx.Response:
        return _response(endpoint.chat(await request.aread()), request)

    async def embeddings(request: httpx.Request) -> httpx.Response:
        return _response(endpoint.embeddings(await request.aread()), request)

    async def models(request: httpx.Request) -> httpx.Response:
        return _response(endpoint.models(), request)

    router.post(f"{base}/chat/completions", name="chat").mock(side_effect=chat)
    router.post(f"{base}/embeddings", name="embeddings").mock(side_effect=embeddings)
    router.get(f"{base}/models", name="models").mock(side_effect=models)


class Httpx2Mocker(AbstractRequestMocker):
    """Lets respx catch what asynchronous clients of httpx2 send, OpenAI's and ours: `respx.mock(using="httpx2")`."""

    name = "httpx2"
    targets = ["httpx2.AsyncHTTPTransport", "baton.agents.transport.AioTransport"]  # noqa: RUF012
    target_methods = ["handle_async_request"]  # noqa: RUF012

    @classmethod
    def to_httpx_request(cls, **kwargs: Any) -> httpx.Request:
        """The request as httpx has it."""
        sent: httpx2.Request = kwargs["request"]
        return httpx.Request(
            sent.method,
            str(sent.url),
            headers=sent.headers.raw,
            stream=cast(httpx.AsyncByteStream, sent.stream),
            extensions=sent.extensions,
        )

    @classmethod
    async def from_async_httpx_response(cls, httpx_response: httpx.Response, target: Any, **kwargs: Any) -> Any:
        """The response as httpx2 has it."""
        body = cast(AsyncIterable[bytes], httpx_response.stream)
        return httpx2.Response(
            httpx_response.status_code,
            headers=httpx_response.headers.raw,
            content=(piece async for piece in body),
            extensions=dict(httpx_response.extensions),
        )


def _response(reply: Reply, request: httpx.Request) -> httpx.Response:
    if reply.hang:
        raise httpx.ReadTimeout("the simulated model hangs", request=request)
    headers = {"content-type": reply.content_type, "x-baton-simulated": "1", **reply.headers}
    return httpx.Response(reply.status, headers=headers, content=_play(reply, request))


async def _play(reply: Reply, request: httpx.Request) -> AsyncIterator[bytes]:
    for piece in reply.pieces:
        if reply.pause:
            await asyncio.sleep(reply.pause)
        yield piece
    if reply.cut:
        raise httpx.RemoteProtocolError("the simulated model cut the connection", request=request)
