"""Connections to checked addresses: a name is resolved once, all of its addresses are checked, and one is called."""

import asyncio
import socket
import typing
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from baton.core.web.addresses import is_public
from baton.core.web.urls import is_address

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name; raises socket.gaierror where there are none."""


class NotPublic(ValueError):
    """A name leads to an address that is not public."""


class Unreachable(Exception):
    """No connection was made, so nothing was sent."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as the system's resolver gives them, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_rest, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Makes every connection of an httpcore pool, so there is no way past the check.

    It connects to the very address that was checked: a name that answers differently a moment later (DNS rebinding)
    is not asked again. The pool goes on to speak of the name, in the Host header and to TLS.
    """

    def __init__(
        self,
        *,
        private: bool,
        resolve: Resolve = resolve,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """Prepare to connect.

        Args:
            private: Whether the hosts that are called may have addresses that are not public.
            resolve: Gives the addresses of a name.
            inner: Makes the connections.
        """
        self._private, self._resolve = private, resolve
        self._inner = inner or typing.cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers, once all have been checked.

        Raises:
                NotPublic: if one of them is not public and need be.
            Unreachable: if the name has none, or none answers.
        """
        addresses = await self._addresses(host, port)
        problem: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise Unreachable(f"{host} does not answer: {problem or 'it has no address'}") from problem

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> typing.NoReturn:
        """No tool calls a socket of this machine."""
        raise NotPublic("sockets of this machine are not called")

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries of the pool."""
        await self._inner.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = [host] if is_address(host) else list(await self._resolve(host, port))
        except (socket.gaierror, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                raise Unreachable(f"{host} cannot be looked up for now") from error
            raise ValueError(f"there is no host {host}: check the name") from error
        if not self._private and not all(is_public(address) for address in addresses):
            raise NotPublic(f"{host} is not on the public internet, and nobody has allowed it by name")
        return addresses
