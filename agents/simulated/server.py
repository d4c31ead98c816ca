"""The simulated endpoint over HTTP: a Starlette app, and a server of it on loopback inside the running loop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from baton.agents.simulated.endpoint import Endpoint, Reply, failure
from baton.agents.simulated.faults import Faults
from baton.agents.simulated.minds import Mind

_STOP_WITHIN = 5.0  # seconds for open answers to be read to their end


def simulated_app(minds: Mind | Mapping[str, Mind], faults: Faults | None = None, *, latency: float = 0.0) -> Starlette:
    """An OpenAI-compatible app: POST /v1/chat/completions and /v1/embeddings, GET /v1/models.

    Args:
        minds: One mind for every model name, or minds by model name, `*` for all other names.
        faults: What goes wrong; None for nothing. A cut stream ends early but in order, unless the server can break
            connections, as SimulatedServer can.
        latency: Seconds before each answer.
    """
    return _app(Endpoint(minds, faults), _Stage(latency))


class SimulatedServer:
    """Serves the simulated endpoint on 127.0.0.1, in the running loop, for as long as it is entered."""

    def __init__(
        self,
        minds: Mind | Mapping[str, Mind],
        *,
        faults: Faults | None = None,
        latency: float = 0.0,
        port: int = 0,
    ) -> None:
        """Take minds, faults and latency as `simulated_app` does; `port` 0 takes a free one."""
        self._stage = _Stage(latency, cut=self._cut)
        self._port = port
        config = uvicorn.Config(
            _app(Endpoint(minds, faults), self._stage),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
        )
        self._server = uvicorn.Server(config)

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL; known once the server is entered."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        """Start serving.

        Raises:
            OSError: if the port is taken.
        """
        # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        # uvicorn's own serve() takes over the signals and looks only ten times a second whether it is to stop.
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[listener])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: waits of answers end now, answers under way are finished, connections are closed."""
        self._stage.close()
        state = self._server.server_state
        for server in self._server.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN):
                # uvicorn has no event for it
                while state.connections or state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        for connection in list(state.connections):
            _abort(connection.transport)
        for server in self._server.servers:
            await server.wait_closed()

    def _cut(self, scope: Scope) -> None:
        """Break the connection that a request came by."""
        for connection in list(self._server.server_state.connections):
            if getattr(connection, "client", None) == scope["client"]:
                _abort(connection.transport)


class _Stage:
    """Where replies are played: knows how long to wait, when to stop waiting, and how to break a connection."""

    def __init__(self, latency: float, cut: Callable[[Scope], None] | None = None) -> None:
        self.latency, self.cut = latency, cut
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    async def wait(self, seconds: float) -> None:
        """Wait, but no longer than until the server stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def wait_for_client(self, receive: Receive, seconds: float) -> bool:
        """Wait until the client gives up, and say whether it did."""
        gone = asyncio.ensure_future(_disconnect(receive))
        waited = asyncio.ensure_future(self.wait(seconds))
        await asyncio.wait((gone, waited), return_when=asyncio.FIRST_COMPLETED)
        left = gone.done()
        for task in (gone, waited):
            task.cancel()
        await asyncio.gather(gone, waited, return_exceptions=True)
        return left


class _Play(Response):
    """Sends a reply as it says: piece by piece, late, cut off, or not at all."""

    def __init__(self, reply: Reply, stage: _Stage) -> None:
        self._reply, self._stage = reply, stage
        headers = {"x-baton-simulated": "1", **reply.headers}
        if len(reply.pieces) == 1 and not reply.cut:
            headers["content-length"] = str(len(reply.pieces[0]))
        # As StreamingResponse does, without super().__init__, which would claim a length of 0.
        self.status_code, self.background = reply.status, None
        self.init_headers({"content-type": reply.content_type, **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply, stage = self._reply, self._stage
        if reply.hang and await stage.wait_for_client(receive, reply.hang):
            return
        if stage.latency:
            await stage.wait(stage.latency)
        await send({"type": "http.response.start", "status": reply.status, "headers": self.raw_headers})
        for piece in reply.pieces[:-1]:
            await self._send_piece(send, piece, more=True)
        await self._send_piece(send, reply.pieces[-1], more=reply.cut)
        if reply.cut:
            if stage.cut:
                stage.cut(scope)
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_piece(self, send: Send, piece: bytes, *, more: bool) -> None:
        if self._reply.pause:
            await self._stage.wait(self._reply.pause)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


def _app(endpoint: Endpoint, stage: _Stage) -> Starlette:
    async def chat(request: Request) -> Response:
        return _Play(endpoint.chat(await request.body()), stage)

    async def embeddings(request: Request) -> Response:
        return _Play(endpoint.embeddings(await request.body()), stage)

    async def models(request: Request) -> Response:
        return _Play(endpoint.models(), stage)

    async def not_served(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return _Play(failure(status, f"{request.method} {request.url.path} is not served here"), stage)

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
        ],
        exception_handlers={HTTPException: not_served},
    )


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _abort(transport: asyncio.Transport) -> None:
    transport.abort()
