"""Serving over HTTP in the running loop, until somebody leaves: streams end, answers under way are finished."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from types import TracebackType
from typing import Self

import uvicorn

from baton.core import Forbidden, InvalidValue
from baton.ledger import accounts
from baton.server.app import make_app
from baton.server.door import is_loopback
from baton.server.service import Service

_STOP_WITHIN = 5  # seconds for answers under way


class Server:
    """Serves Baton for as long as it is entered."""

    def __init__(self, service: Service, *, host: str, port: int) -> None:
        """Say where; `port` 0 takes a free one."""
        self._service, self._host, self._port = service, host, port

    @property
    def url(self) -> str:
        """Where it is served; known once it is entered."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}{self._service.base_path}"

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            Forbidden: if others could reach it, and nobody has an account.
            InvalidValue: if the host or port cannot be had.
        """
        there_are = await self._service.baton.ledger.read(accounts.there_are)
        if not there_are and not is_loopback(self._host):
            why = "nobody has an account yet: `baton users add NAME --role admin` makes one"
            raise Forbidden("this server", f"listen at {self._host}", why)
        listener = self._listen()
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            make_app(self._service),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN,
        )
        self._server = _Uvicorn(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="baton-server")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: nothing new is taken, streams end, what is being answered is."""
        self._service.closing.set()
        self._server.should_exit = True
        await self._serving

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for an ACK.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
            listener.listen(2048)
        except (OSError, OverflowError) as error:
            listener.close()
            raise InvalidValue("host and port", f"{self._host}:{self._port}", f"others ({error})") from error
        return listener


class _Uvicorn(uvicorn.Server):
    """Leaves signals to whoever serves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
