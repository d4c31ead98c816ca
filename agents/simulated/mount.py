"""The simulated endpoint inside a test's process, through respx; needs respx installed.

    with respx.mock(using="httpcore2") as router:
        mount_simulated(router, "https://api.openai.com/v1", ScriptedMind([...]))

The OpenAI client speaks through httpx2, which respx does not know; `Httpcore2Mocker` teaches it. With a client of
httpx, `respx.mock` alone does.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, cast

import httpcore2
import httpx
import respx
from respx.mocks import HTTPCoreMocker

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


class Httpcore2Mocker(HTTPCoreMocker):
    """Lets respx catch what httpx2 sends, the OpenAI client among its users: `respx.mock(using="httpcore2")`."""

    name = "httpcore2"
    targets = [target.replace("httpcore.", "httpcore2.", 1) for target in HTTPCoreMocker.targets]  # noqa: RUF012

    @classmethod
    def from_sync_httpx_response(cls, httpx_response: httpx.Response, target: Any, **kwargs: Any) -> Any:
        """The response as httpcore2 has it."""
        return httpcore2.Response(
            httpx_response.status_code,
            headers=httpx_response.headers.raw,
            content=cast(AsyncIterable[bytes], httpx_response.stream),
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
