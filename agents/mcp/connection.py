"""A connection to an MCP server: made when it is first needed, and anew after it was lost."""

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, cast

from baton.agents.mcp.asking import SENDING, Sending
from baton.agents.mcp.pins import Pin, pin_of
from baton.agents.mcp.places import McpServer
from baton.agents.mcp.results import text_of
from baton.core import InvalidValue, TryAgain, logger

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client._transport import TransportStreams

MOST_TOOLS = 1000
"""Tools of a server that are read; one that lists more is not used."""

log = logger()


async def listed(client: "Client") -> dict[str, Pin]:
    """The tools that a server offers now.

    Raises:
        InvalidValue: if there is no end to them.
    """
    found: dict[str, Pin] = {}
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor, cache_mode="bypass")
        found |= {tool.name: pin_of(tool) for tool in page.tools}
        cursor = page.next_cursor
        if not cursor or len(found) > MOST_TOOLS or not page.tools:
            break
    if len(found) > MOST_TOOLS:
        raise InvalidValue("tools of an MCP server", f"more than {MOST_TOOLS}", f"{MOST_TOOLS} at most")
    return found


class Line:
    """The way to one server.

    Attributes:
        over: Set when it is to end, or the server has ended it.
        offers: The tools that the server has.
        ready: The client, once it speaks with the server.
    """

    def __init__(self, server: McpServer) -> None:
        self.server, self.over, self.offers = server, asyncio.Event(), dict[str, Pin]()
        self.ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        # Its own context: what it begins is no part of the call that came first.
        self._task = asyncio.create_task(self._keep(), context=contextvars.Context(), name=f"baton-mcp-{server.name}")

    @property
    def open(self) -> bool:
        """Whether calls may go over it."""
        return not (self._task.done() or self.over.is_set())

    async def close(self) -> None:
        """End it, and what was started for it."""
        self.over.set()
        if not self.ready.done():
            self._task.cancel()
        await asyncio.wait([self._task])

    async def _keep(self) -> None:
        from mcp import Client

        try:
            transport = _Watched(self.server, self.over)
            async with Client(transport, read_timeout_seconds=self.server.timeout) as client:
                self.offers = await listed(client)
                self.ready.set_result(client)
                await self.over.wait()
        except BaseException as error:
            if not self.ready.done():
                self.ready.set_exception(error if isinstance(error, Exception) else ConnectionError("it was left"))
                self.ready.exception()  # it is told to whoever waits; nobody need
            elif isinstance(error, Exception):
                log.warning("the connection to an MCP server is lost", server=self.server.name, error=said_of(error))
            if isinstance(error, asyncio.CancelledError):
                raise


class Connection:
    """Calls tools of one server, over one line at a time."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._line: Line | None = None
        self._ending = set[asyncio.Task[None]]()

    async def call(self, pin: Pin, arguments: Mapping[str, Any], timeout: float) -> Any:
        """What a tool returns within `timeout` seconds.

        Raises:
            TryAgain: if there is no connection: nothing was sent.
            ConnectionError: if the connection was lost: nobody knows.
            ValueError: if the server says that it failed, or offers another tool now than was pinned.
        """
        from mcp import MCPError

        line = await self._opened()
        client = await asyncio.shield(line.ready)
        _same(self._server.name, pin, line.offers.get(pin.name))
        sending = Sending()
        token = SENDING.set(sending)
        try:
            result = await client.call_tool(pin.name, dict(arguments), read_timeout_seconds=timeout)
        except MCPError as error:
            raise self._failed(line, sending, error.code, said_of(error)) from error
        except (OSError, RuntimeError) as error:
            raise ConnectionError(said_of(error)) from error
        finally:
            SENDING.reset(token)
        text = text_of(result)
        if result.is_error:
            raise ValueError(text if isinstance(text, str) else str(text))
        return text

    async def close(self) -> None:
        """End the connection; the next call makes another."""
        self._give_up()
        while self._ending:
            await asyncio.wait(self._ending)

    def _give_up(self) -> None:
        """Have the line end, by itself."""
        line, self._line = self._line, None
        if line is not None:
            ending = asyncio.create_task(line.close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _opened(self) -> Line:
        line = self._line
        if line is None or not line.open:
            self._give_up()
            line = self._line = Line(self._server)
        try:
            # Before the call's own time is over: then nobody would know whether it had been sent.
            async with asyncio.timeout(self._server.timeout / 2):
                await asyncio.shield(line.ready)
        except TimeoutError as error:
            self._give_up()
            raise TryAgain(f"no connection to the MCP server {self._server.name} in time") from error
        except InvalidValue as error:  # a missing secret: whoever runs it has to see to it
            raise ValueError(str(error)) from error
        except Exception as error:
            raise TryAgain(f"no connection to the MCP server {self._server.name}: {said_of(error)}") from error
        return line

    def _failed(self, line: Line, sending: Sending, code: int, said: str) -> Exception:
        """What an error of the protocol means for the call."""
        from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, INVALID_REQUEST, REQUEST_TIMEOUT

        if sending.unsent is not None:
            return TryAgain(f"no connection to the MCP server {self._server.name}: {sending.unsent}")
        if code == INVALID_REQUEST and said == "Session terminated":  # it was started anew, and did nothing
            line.over.set()
            return TryAgain(f"the MCP server {self._server.name} was started anew")
        if code in (CONNECTION_CLOSED, REQUEST_TIMEOUT, INTERNAL_ERROR):
            return ConnectionError(said)
        return ValueError(f"the MCP server {self._server.name} refuses: {said}")


def _same(server: str, pin: Pin, now: Pin | None) -> None:
    """Go on only where a tool is still the one that was pinned.

    Raises:
        ValueError: if it is gone or another.
    """
    if now is None or now.digest != pin.digest:
        how = "is gone" if now is None else "is not the one that was pinned"
        log.warning("a tool of an MCP server %s; `baton mcp pin` shows how", how, server=server, tool=pin.name)
        raise ValueError(f"the tool {pin.name} of the MCP server {server} {how}: whoever runs this has to look at it")


def said_of(error: BaseException) -> str:
    """What went wrong, also where it comes in a group."""
    cause: Any = error
    while isinstance(cause, BaseExceptionGroup):
        cause = cast("BaseExceptionGroup[BaseException]", cause).exceptions[0]
    return (str(cause) or type(cause).__name__)[:500]


class _Watched:
    """A transport of the MCP client that notices when the server has gone."""

    def __init__(self, server: McpServer, over: asyncio.Event) -> None:
        self._context, self._over = self._streams(server), over

    @contextlib.asynccontextmanager
    async def _streams(self, server: McpServer) -> "AsyncGenerator[TransportStreams]":
        async with server.reached() as (reading, writing):
            watched: Any = _Reading(reading, self._over)
            yield watched, writing

    async def __aenter__(self) -> "TransportStreams":
        return await self._context.__aenter__()

    async def __aexit__(self, *raised: Any) -> bool | None:
        return await self._context.__aexit__(*raised)


class _Reading:
    """A stream of the MCP client that notices its end."""

    def __init__(self, inner: Any, over: asyncio.Event) -> None:
        self._inner, self._over = inner, over

    @property
    def last_context(self) -> Any:
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        try:
            return await self._inner.receive()
        except BaseException:
            self._over.set()
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> "_Reading":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except BaseException:
            self._over.set()
            raise

    async def __aenter__(self) -> "_Reading":
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> bool | None:
        done: bool | None = await self._inner.__aexit__(*raised)
        return done
