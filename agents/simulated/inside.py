"""The simulated endpoint without a socket: the model's own client asks it inside the process."""

from collections.abc import AsyncIterator, Mapping, Sequence

import httpx2

from baton.agents.simulated.endpoint import Endpoint, Reply, failure
from baton.agents.simulated.minds import Mind

ADDRESS = "http://simulated.invalid/v1"
"""Where a client that sends by `SimulatedTransport` believes that it asks; nothing is ever sent there."""


class SimulatedTransport(httpx2.AsyncBaseTransport):
    """Answers what a client would send over the network; nothing fails, and nothing waits.

    `SimulatedServer` answers the same over HTTP, with faults where there are to be some.
    """

    def __init__(self, minds: Mind | Mapping[str, Mind]) -> None:
        """Take one mind for every model name, or minds by model name, `*` for all other names."""
        self._endpoint = Endpoint(minds)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        reply = self._reply(request.method, request.url.path, await request.aread())
        headers = {"x-baton-simulated": "1", "content-type": reply.content_type, **reply.headers}
        return httpx2.Response(reply.status, headers=headers, stream=_Pieces(reply.pieces), request=request)

    def _reply(self, method: str, path: str, body: bytes) -> Reply:
        match method, path:
            case "POST", "/v1/chat/completions":
                return self._endpoint.chat(body)
            case "POST", "/v1/embeddings":
                return self._endpoint.embeddings(body)
            case "GET", "/v1/models":
                return self._endpoint.models()
            case _:
                return failure(404, f"{method} {path} is not served here")


class _Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
