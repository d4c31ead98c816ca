"""The simulated endpoint over HTTP and through respx, with the OpenAI client."""

import asyncio
import json
import math
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import openai
import pytest
import respx

from baton.agents.simulated import (
    MINDS,
    Answer,
    Conversation,
    Fault,
    Faults,
    ScriptedMind,
    SimpleMind,
    SimulatedCall,
    SimulatedServer,
    find_mind,
    simulated_app,
)
from baton.agents.simulated.endpoint import Endpoint
from baton.agents.simulated.inside import ADDRESS, SimulatedTransport
from baton.agents.simulated.mount import Httpx2Mocker, mount_simulated
from baton.core import InvalidValue, ManualClock, NotFound

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


class Echo:
    """Says what the last user message says."""

    def answer(self, conversation: Conversation) -> Answer:
        return Answer(text=conversation.user_texts()[-1])


class Broken:
    """A mind with a defect."""

    def answer(self, conversation: Conversation) -> Answer:
        raise KeyError("a defect")


def two_calls() -> ScriptedMind:
    return ScriptedMind([[[SimulatedCall(name="f", arguments={"n": n}) for n in (1, 2)]]])


@pytest.fixture
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with SimulatedServer({"echo": Echo(), "*": two_calls()}) as server:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
            yield client


def port_of(server: SimulatedServer) -> int:
    return urlsplit(server.base_url).port or 0


async def post(url: str, body: dict[str, Any] | bytes, path: str = "/chat/completions") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient() as client:
        return await client.post(url + path, content=content)


async def test_the_model_name_chooses_the_mind(client: openai.AsyncOpenAI) -> None:
    echo = await client.chat.completions.create(model="echo", messages=[{"role": "user", "content": "hi"}])
    other = await client.chat.completions.create(model="x", messages=[{"role": "user", "content": "hi"}])
    assert echo.choices[0].message.content == "hi"
    assert [call.to_dict()["function"] for call in other.choices[0].message.tool_calls or ()] == [
        {"name": "f", "arguments": '{"n":1}'},
        {"name": "f", "arguments": '{"n":2}'},
    ]


async def test_the_openai_client_reads_the_stream(client: openai.AsyncOpenAI) -> None:
    text = "hello there, " * 9
    messages: Any = [{"role": "user", "content": text}]
    stream = client.chat.completions.stream(model="echo", messages=messages, stream_options={"include_usage": True})
    async with stream as events:
        final = await events.get_final_completion()
    assert final.choices[0].message.content == text
    assert final.usage and final.usage.completion_tokens == math.ceil(len(text) / 4)


async def test_embeddings_and_models(client: openai.AsyncOpenAI) -> None:
    packed = await client.embeddings.create(model="m", input=["a b", "c"], dimensions=8)
    plain = await client.embeddings.create(model="m", input=["a b", "c"], dimensions=8, encoding_format="float")
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert math.hypot(*one.embedding) == pytest.approx(1, abs=1e-6)
    models = (await client.models.list()).data
    assert [(model.id, model.owned_by) for model in models] == [("echo", "baton-simulated")]


async def test_it_says_that_it_is_simulated_whatever_it_answers() -> None:
    async with SimulatedServer(Echo()) as server, httpx.AsyncClient() as client:
        replies = [
            await post(server.base_url, BODY),
            await post(server.base_url, {**BODY, "stream": True}),
            await post(server.base_url, {}),
            await client.get(server.base_url + "/models"),
            await client.get(server.base_url + "/nothing"),
        ]
    assert [reply.status_code for reply in replies] == [200, 200, 400, 200, 404]
    assert all(reply.headers["x-baton-simulated"] == "1" for reply in replies)
    assert replies[3].json()["data"][0]["id"] == "simulated"


async def test_the_same_request_gets_the_same_bytes_from_another_server() -> None:
    body = {**BODY, "stream": True, "seed": 4}
    replies: list[bytes] = []
    for _ in range(2):
        async with SimulatedServer(two_calls()) as server:
            replies.append((await post(server.base_url, body)).content)
    assert replies[0] == replies[1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/chat/completions", b"{", 400, {"param": None}),
        ("POST", "/chat/completions", b'{"model": "echo"}', 400, {"param": "messages"}),
        ("POST", "/chat/completions", json.dumps({**BODY, "model": "z"}).encode(), 404, {"code": "model_not_found"}),
        ("POST", "/embeddings", b'{"model": "m"}', 400, {"param": "input"}),
        ("GET", "/chat/completions", b"", 405, {}),
        ("POST", "/responses", b"{}", 404, {}),
    ],
)
async def test_errors_have_the_shape_of_openai(
    method: str, path: str, body: bytes, status: int, error: dict[str, Any]
) -> None:
    async with SimulatedServer({"echo": Echo()}) as server, httpx.AsyncClient() as client:
        reply = await client.request(method, server.base_url + path, content=body)
    assert reply.status_code == status
    told = reply.json()["error"]
    assert told.keys() == {"message", "type", "param", "code"} and told["message"]
    assert error.items() <= told.items()


async def test_a_defect_of_a_mind_is_told_and_not_retried(caplog: pytest.LogCaptureFixture) -> None:
    async with SimulatedServer(Broken()) as server:
        reply = await post(server.base_url, BODY)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "mind_failed")
    assert "Broken failed: KeyError: 'a defect'" in reply.json()["error"]["message"]
    assert "the mind Broken failed" in caplog.text


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (Fault.RATE_LIMIT, 429, {"retry-after": "90"}),
        (Fault.RATE_LIMIT_DATE, 429, {"retry-after": "Tue, 14 Nov 2023 22:14:50 GMT"}),
        (Fault.SERVER_ERROR, 500, {}),
        (Fault.UNAVAILABLE, 503, {}),
    ],
)
def test_failing_replies(fault: Fault, status: int, headers: dict[str, str]) -> None:
    endpoint = Endpoint(Echo(), Faults(schedule=[fault], retry_after=90), clock=ManualClock(1_700_000_000))
    raw = json.dumps(BODY).encode()
    failed, passed = endpoint.chat(raw), endpoint.chat(raw)
    assert (failed.status, failed.headers, passed.status) == (status, headers, 200)


def test_a_stream_may_lack_its_end() -> None:
    endpoint = Endpoint(Echo(), Faults(schedule=[Fault.NO_DONE]))
    raw = json.dumps({**BODY, "stream": True}).encode()
    assert (*endpoint.chat(raw).pieces, b"data: [DONE]\n\n") == endpoint.chat(raw).pieces


@pytest.mark.parametrize("streams", [False, True])
async def test_a_cut_breaks_the_connection(streams: bool) -> None:
    async with SimulatedServer(two_calls(), faults=Faults(schedule=[Fault.CUT])) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(server.base_url, {**BODY, "stream": streams})
        assert (await post(server.base_url, {**BODY, "stream": streams})).status_code == 200


async def test_a_cut_under_another_server_ends_early() -> None:
    app = simulated_app(two_calls(), Faults(schedule=[Fault.CUT]))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app/v1") as client:
        cut = await client.post("/chat/completions", json={**BODY, "stream": True})
        whole = await client.post("/chat/completions", json={**BODY, "stream": True})
    assert whole.text.startswith(cut.text) and "finish_reason" in cut.text
    assert '"finish_reason":"' not in cut.text and '"finish_reason":"tool_calls"' in whole.text


async def test_a_hang_lasts_until_the_client_gives_up_or_its_time_is_over() -> None:
    async with SimulatedServer(Echo(), faults=Faults(schedule=[Fault.HANG], hang=60)) as server:
        async with httpx.AsyncClient(timeout=0.1) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(server.base_url + "/chat/completions", json=BODY)
    async with SimulatedServer(Echo(), faults=Faults(schedule=[Fault.HANG], hang=0.01)) as server:
        assert (await post(server.base_url, BODY)).status_code == 503


class Counted(Faults):
    """Tells how many requests have come."""

    came = 0

    def meet(self, digest: str) -> Fault | None:
        self.came += 1
        return super().meet(digest)


@pytest.mark.parametrize(("latency", "kinds", "status"), [(600.0, [], 200), (0.0, [Fault.HANG], 503)])
async def test_stopping_does_not_wait_for_what_waits(latency: float, kinds: list[Fault], status: int) -> None:
    faults = Counted(rate=1.0, kinds=kinds, hang=600)
    async with asyncio.timeout(30):
        async with SimulatedServer(Echo(), faults=faults, latency=latency) as server:
            waiting = [asyncio.create_task(post(server.base_url, {**BODY, "seed": seed})) for seed in (1, 2)]
            while faults.came < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        replies = await asyncio.gather(*waiting)
    assert [reply.status_code for reply in replies] == [status, status]


async def test_stopping_closes_idle_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.agents.simulated.server._STOP_WITHIN", 600.0)
    async with asyncio.timeout(30):
        async with SimulatedServer(Echo()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            await post(server.base_url, BODY)
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_answers_are_not_held_back_until_a_packet_is_full() -> None:
    async with SimulatedServer(Echo()) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        await post(server.base_url, BODY)  # by the time it is answered, the connection before it is accepted
        connections = server._server.server_state.connections  # pyright: ignore[reportPrivateUsage]
        accepted = [connection.transport.get_extra_info("socket") for connection in connections]
        at_once = [bool(item.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) for item in accepted]
        writer.close()
        await writer.wait_closed()
    assert at_once and all(at_once)


async def test_signals_are_left_alone_and_the_port_is_free_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    async with SimulatedServer(Echo()) as server:
        assert signal.getsignal(signal.SIGINT) is before
        port = port_of(server)
        with pytest.raises(OSError):
            async with SimulatedServer(Echo(), port=port):
                pass
    async with SimulatedServer(Echo(), port=port) as again:
        assert again.base_url == server.base_url


async def test_many_requests_at_once_meet_the_same_faults() -> None:
    async def run(order: list[int]) -> dict[int, int]:
        kinds = [Fault.RATE_LIMIT, Fault.UNAVAILABLE, Fault.EMPTY]
        async with SimulatedServer(Echo(), faults=Faults(seed=3, rate=0.5, kinds=kinds)) as server:
            async with httpx.AsyncClient() as client:
                url = server.base_url + "/chat/completions"
                replies = await asyncio.gather(*(client.post(url, json={**BODY, "seed": n}) for n in order))
        return dict(sorted(zip(order, [reply.status_code for reply in replies], strict=True)))

    numbers = list(range(40))
    forwards = await run(numbers)
    assert forwards == await run(numbers[::-1])
    assert set(forwards.values()) == {200, 429, 503}


@pytest.mark.parametrize("using", [Httpx2Mocker.name, "httpcore"])
async def test_the_mount_answers_as_the_server_does(using: str) -> None:
    base = "https://models.test/v1"
    async with SimulatedServer(two_calls()) as server:
        expected = (await post(server.base_url, {**BODY, "stream": True})).content
    with respx.mock(using=using, assert_all_called=False) as router:
        mount_simulated(router, base, two_calls(), Faults(schedule=[None, Fault.CUT, Fault.HANG]))
        if using == "httpcore":
            assert (await post(base, {**BODY, "stream": True})).content == expected
            with pytest.raises(httpx.RemoteProtocolError):
                await post(base, {**BODY, "stream": True})
            with pytest.raises(httpx.ReadTimeout):
                await post(base, {**BODY, "stream": True})
        else:
            async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as client:
                stream = await client.chat.completions.create(stream=True, **BODY)
                assert len([chunk async for chunk in stream]) == expected.count(b"data: {")
                assert (await client.models.list()).data[0].owned_by == "baton-simulated"
                assert len((await client.embeddings.create(model="m", input="a")).data) == 1
        assert router["chat"].called


async def test_it_serves_by_itself() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "baton.agents.simulated", "--port", "0", "--mind", "simple"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    try:
        assert line.startswith("simulated model (simple) at http://127.0.0.1:")
        reply = await post(line.split()[-1], BODY)
        assert "Simulated model" in reply.json()["choices"][0]["message"]["content"]
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_a_mind_that_is_not_there_is_told() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "baton.agents.simulated", "--mind", "nobody"), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"there is no simulated mind 'nobody'; there is: simple" in errors


def test_minds_are_found_by_name() -> None:
    assert isinstance(find_mind("simple"), SimpleMind)
    assert all(callable(make().answer) for make in MINDS.values())
    assert isinstance(find_mind("baton.agents.simulated:SimpleMind"), SimpleMind)
    with pytest.raises(NotFound):
        find_mind("nobody")


@pytest.mark.parametrize("name", ["no.such.module:Mind", "baton.agents.simulated:Nothing", "json:JSONDecoder"])
def test_things_that_are_no_minds_are_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="simulated mind"):
        find_mind(name)


async def test_inside_the_process_it_answers_as_over_http() -> None:
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/chat/completions", BODY),
        ("POST", "/chat/completions", BODY | {"stream": True}),
        ("POST", "/chat/completions", {"model": "m"}),
        ("POST", "/embeddings", {"model": "m", "input": "hello"}),
        ("GET", "/models", None),
        ("GET", "/files", None),
    ]
    inside = httpx2.AsyncClient(transport=SimulatedTransport(Echo()))
    async with SimulatedServer(Echo()) as server, httpx2.AsyncClient() as outside, inside:
        for method, path, body in asked:
            here = await inside.request(method, f"{ADDRESS}{path}", json=body)
            there = await outside.request(method, f"{server.base_url}{path}", json=body)
            assert (here.status_code, here.content) == (there.status_code, there.content)
            assert here.headers["content-type"] == there.headers["content-type"]
            assert here.headers["x-baton-simulated"] == there.headers["x-baton-simulated"] == "1"
