"""The model's transport, on real connections to endpoints that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest

from baton.agents import OpenAIModel
from baton.agents.retries import RetryPolicy
from baton.agents.transport import AioTransport
from baton.core import ModelRequest, ModelUnavailable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ASKED = ModelRequest(model="m", messages=({"role": "user", "content": "hello"},))
BODY = b'{"choices":[{"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
ONCE = RetryPolicy(attempts=1)


@contextlib.asynccontextmanager
async def endpoint(handler: Handler) -> AsyncIterator[str]:
    """Its address; each connection is closed when the handler comes back."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def take(reader: asyncio.StreamReader) -> None:
    """Read one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    await reader.readexactly(int(length.split(b":")[1]))


class Keeping:
    """Answers on connections that it keeps open."""

    def __init__(self) -> None:
        self.open: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await take(reader)
                writer.write(HEAD + BODY)


async def test_a_connection_is_used_again() -> None:
    keeping = Keeping()
    async with endpoint(keeping) as url, OpenAIModel(base_url=url, api_key="k") as model:
        for _ in range(3):
            assert (await model.complete(ASKED)).text == "hi"
    assert len(keeping.open) == 1


async def test_a_connection_that_was_closed_unseen_is_not_used_again() -> None:
    keeping = Keeping()
    async with endpoint(keeping) as url, AioTransport() as transport:
        for _ in range(2):
            answer = await transport.handle_async_request(httpx2.Request("POST", url, content=b"{}"))
            assert await answer.aread() == BODY
            await answer.aclose()
            keeping.open[-1].write_eof()  # and the loop does not come to look before the next request
    assert len(keeping.open) == 2


async def test_a_connection_that_is_closed_while_a_request_is_on_its_way_is_no_failure() -> None:
    asked: list[asyncio.StreamWriter] = []

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await take(reader)
        asked.append(writer)
        writer.write(HEAD + BODY)
        await take(reader)
        asked.append(writer)

    async with endpoint(closing) as url, OpenAIModel(base_url=url, api_key="k", retries=ONCE) as model:
        for _ in range(3):
            assert (await model.complete(ASKED)).attempts == 1
    assert [asked.index(writer) for writer in asked] == [0, 0, 2, 2, 4]


async def dropped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take(reader)


async def halved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take(reader)
    writer.write(HEAD + BODY[:20])


async def garbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    ("handler", "problem"),
    [
        (dropped, r"no connection to .*Server disconnected"),
        (halved, r"no connection to .*payload"),
        (garbled, r"no connection to .*"),
        (silent, r"no answer from .* in time"),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
async def test_what_fails_is_told_apart(handler: Handler, problem: str, streams: bool) -> None:
    def ignore(piece: str) -> None:
        pass

    async with (
        endpoint(handler) as url,
        OpenAIModel(base_url=url, api_key="k", retries=ONCE, timeout=0.3) as model,
    ):
        with pytest.raises(ModelUnavailable, match=problem):
            await model.complete(ASKED, ignore if streams else None)


async def test_nobody_there_is_no_connection() -> None:
    async with endpoint(silent) as url:
        pass
    async with OpenAIModel(base_url=url, api_key="k", retries=ONCE) as model:
        with pytest.raises(ModelUnavailable, match=r"no connection to .*ConnectError"):
            await model.complete(ASKED)


async def test_the_environment_names_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint(silent) as nobody:
        pass
    async with endpoint(Keeping()) as url:
        monkeypatch.setenv("http_proxy", url.removesuffix("/v1"))
        async with OpenAIModel(base_url=nobody, api_key="k", retries=ONCE) as model:
            assert (await model.complete(ASKED)).text == "hi"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with OpenAIModel(base_url=nobody, api_key="k", retries=ONCE) as model:
            with pytest.raises(ModelUnavailable, match="no connection to"):
                await model.complete(ASKED)
