"""The model client against the simulated endpoint, and against endpoints that answer oddly."""

import asyncio
import inspect
import json
import re
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, cast

import httpx
import httpx2
import openai
import pytest
import respx
from openai.types.chat import ChatCompletion

from baton.agents.client import OpenAIModel
from baton.agents.failures import Target, Transient, retry_after, translate
from baton.agents.retries import RetryPolicy
from baton.agents.simulated import Answer, Conversation, Fault, Faults, ScriptedMind, SimulatedCall, SimulatedServer
from baton.agents.simulated.mount import Httpx2Mocker, mount_simulated
from baton.core import (
    Delta,
    InvalidValue,
    ManualClock,
    ModelError,
    ModelRefused,
    ModelReply,
    ModelRequest,
    ModelUnavailable,
    ToolCall,
    Usage,
)

BASE = "https://models.test/v1"
KEY = "sk-canary-4d1f"
TEXT = 'She said "héllo 🎈" to 12 people,\nthen left; nobody asked why.'
REFUND: dict[str, Any] = {
    "type": "function",
    "function": {"name": "refund", "parameters": {"type": "object", "properties": {"_confidence": {"type": "number"}}}},
}


class Naps:
    """A sleep that only moves the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.clock.advance(seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def naps(clock: ManualClock) -> Naps:
    return Naps(clock)


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(using=Httpx2Mocker.name, assert_all_called=False) as router:
        yield router


Make = Callable[..., OpenAIModel]


@pytest.fixture
async def make(clock: ManualClock, naps: Naps) -> AsyncIterator[Make]:
    """Makes models, and closes them."""
    made: list[OpenAIModel] = []

    def build(base_url: str = BASE, **options: Any) -> OpenAIModel:
        made.append(OpenAIModel(base_url=base_url, api_key=KEY, clock=clock, sleep=naps, **options))
        return made[-1]

    yield build
    for model in made:
        await model.aclose()


def request(text: str = "hello", **fields: Any) -> ModelRequest:
    return ModelRequest(model="m", messages=({"role": "user", "content": text},), **fields)


def ignore(piece: str) -> None:
    """A listener that does not."""


def listener(streams: bool) -> Delta | None:
    return ignore if streams else None


def error_body(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "x", "param": param, "code": code}}


def completion(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish, **fields}]}


def sse(*chunks: Any, done: bool = True) -> httpx.Response:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"] * done
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode())


def delta(finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def answers(router: respx.MockRouter, *replies: httpx.Response | type[Exception]) -> respx.Route:
    return router.post(f"{BASE}/chat/completions").mock(side_effect=list(replies))


def sent(route: respx.Route, index: int = -1) -> dict[str, Any]:
    call = cast(Any, route.calls)[index]
    body: dict[str, Any] = json.loads(call.request.content)
    return body


def two_calls() -> ScriptedMind:
    calls = [SimulatedCall(name="refund", arguments={"order": f"A-{n}", "why": TEXT}) for n in (1, 2)]
    return ScriptedMind([[calls]], texts=[TEXT])


async def test_whole_and_streamed_answers_are_the_same(make: Make) -> None:
    async with SimulatedServer(two_calls()) as server:
        model = make(server.base_url)
        pieces: list[str] = []
        asked = request(tools=(REFUND,), seed=1)
        whole = await model.complete(asked)
        streamed = await model.complete(asked, pieces.append)

    assert whole == streamed
    assert [call.name for call in whole.calls] == ["refund", "refund"]
    assert json.loads(whole.calls[1].arguments) == {"order": "A-2", "why": TEXT, "_confidence": 0.95}
    assert (whole.finish, whole.attempts, pieces) == ("tool_calls", 1, [])
    assert whole.usage.prompt > 0 and whole.usage.completion > 0


async def test_text_streams_in_pieces(make: Make) -> None:
    async with SimulatedServer(ScriptedMind([], texts=[TEXT])) as server:
        model = make(server.base_url)
        pieces: list[str] = []
        reply = await model.complete(request(), pieces.append)

    assert reply.text == TEXT == "".join(pieces)
    assert len(pieces) > 3


async def test_without_streaming_the_text_comes_at_once(make: Make, router: respx.MockRouter) -> None:
    mount_simulated(router, BASE, ScriptedMind([], texts=[TEXT]))
    pieces: list[str] = []
    await make(stream=False).complete(request(), pieces.append)
    assert pieces == [TEXT]


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "fault", [Fault.RATE_LIMIT, Fault.RATE_LIMIT_DATE, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.CUT]
)
async def test_transient_faults_are_retried(make: Make, fault: Fault, streams: bool, naps: Naps) -> None:
    faults = Faults(schedule=[fault, fault])
    async with SimulatedServer(two_calls(), faults=faults) as server:
        model = make(server.base_url)
        reply = await model.complete(request(tools=(REFUND,)), listener(streams))

    assert (len(reply.calls), reply.attempts, len(naps.seconds)) == (2, 3, 2)
    assert reply.seconds == pytest.approx(sum(naps.seconds), abs=1e-6)  # what a clock of seconds since 1970 can tell


async def test_a_cut_text_stream_starts_again(make: Make) -> None:
    async with SimulatedServer(ScriptedMind([], texts=[TEXT]), faults=Faults(schedule=[Fault.CUT])) as server:
        pieces: list[str] = []
        reply = await make(server.base_url).complete(request(), pieces.append)

    assert (reply.text, reply.attempts) == (TEXT, 2)
    assert "".join(pieces).endswith(TEXT) and "".join(pieces) != TEXT


async def test_a_hang_is_given_up(make: Make) -> None:
    faults = Faults(schedule=[Fault.HANG], hang=60)
    async with SimulatedServer(two_calls(), faults=faults) as server:
        reply = await make(server.base_url, timeout=0.2).complete(request())
    assert reply.attempts == 2


async def test_the_whole_request_has_a_deadline(make: Make) -> None:
    faults = Faults(schedule=[Fault.HANG] * 9, hang=60)
    async with SimulatedServer(two_calls(), faults=faults) as server:
        model = make(server.base_url, retries=RetryPolicy(deadline=0.2))
        with pytest.raises(ModelUnavailable, match=r"no answer in 1 try: no answer within 0.2 s"):
            await model.complete(request())


async def test_no_wait_goes_past_the_deadline(make: Make, router: respx.MockRouter, naps: Naps) -> None:
    route = answers(router, httpx.Response(429, headers={"retry-after": "40"}, json=error_body("slow down")))
    with pytest.raises(ModelUnavailable, match="no answer in 1 try: HTTP 429: slow down"):
        await make(retries=RetryPolicy(deadline=30)).complete(request())
    assert (route.call_count, naps.seconds) == (1, [])


@pytest.mark.parametrize("fault", [Fault.NO_DONE, Fault.SLOW, Fault.DUPLICATE_IDS, Fault.MISSING_IDS])
@pytest.mark.parametrize("streams", [False, True])
async def test_harmless_faults_change_nothing(make: Make, fault: Fault, streams: bool) -> None:
    async with SimulatedServer(two_calls()) as server:
        expected = await make(server.base_url).complete(request())
    async with SimulatedServer(two_calls(), faults=Faults(schedule=[fault], pause=0.001)) as server:
        listen = listener(streams)
        assert await make(server.base_url).complete(request(), listen) == expected


@pytest.mark.parametrize("streams", [False, True])
async def test_faults_of_the_content_are_passed_on(make: Make, router: respx.MockRouter, streams: bool) -> None:
    kinds = [Fault.MALFORMED, Fault.UNKNOWN_TOOL, Fault.LENGTH, Fault.REFUSAL, Fault.EMPTY]
    mount_simulated(router, BASE, two_calls(), Faults(schedule=kinds))
    model = make()
    replies = [await model.complete(request(), listener(streams)) for _ in kinds]

    malformed, unknown, length, refusal, empty = replies
    with pytest.raises(ValueError):
        json.loads(malformed.calls[0].arguments)
    assert unknown.calls[0].name == "refund_unknown"
    assert length.finish == "length"
    assert (bool(refusal.refusal), refusal.calls, refusal.finish) == (True, (), "stop")
    assert (empty.text, empty.calls, empty.refusal) == ("", (), "")
    assert all(reply.attempts == 1 for reply in replies)


@pytest.mark.parametrize(
    ("header", "least"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after": format_datetime(datetime.fromtimestamp(1_700_000_012, UTC), usegmt=True)}, 12),
        ({"retry-after": format_datetime(datetime.fromtimestamp(1_600_000_000, UTC), usegmt=True)}, 0),
        ({"retry-after": "3600"}, 20),
        ({"retry-after": "inf"}, 20),
    ],
)
async def test_retry_after_is_followed(
    make: Make, router: respx.MockRouter, naps: Naps, header: dict[str, str], least: float
) -> None:
    answers(router, httpx.Response(429, headers=header, json=error_body("busy")), sse_text("hi"))
    policy = RetryPolicy(first_wait=0.1, longest_retry_after=20)
    await make(retries=policy).complete(request())
    assert least <= naps.seconds[0] <= least + 0.1


@pytest.mark.parametrize("header", [{}, {"retry-after": "soon"}, {"retry-after": "nan"}, {"retry-after": ""}])
async def test_backoff_grows_and_is_capped(
    make: Make, router: respx.MockRouter, naps: Naps, header: dict[str, str]
) -> None:
    answers(router, *[httpx.Response(503, headers=header, json=error_body("busy"))] * 6)
    with pytest.raises(ModelUnavailable, match=r"model m: no answer in 6 tries: HTTP 503: busy"):
        await make(retries=RetryPolicy(attempts=6, first_wait=1, longest_wait=4)).complete(request())
    assert len(naps.seconds) == 5
    assert all(0 <= nap <= most for nap, most in zip(naps.seconds, (1, 2, 4, 4, 4), strict=True))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 60.0),
        ({"retry-after": "Thu, 99 Jan 1970 00:01:40 GMT"}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=40.0) == seconds


def sse_text(text: str) -> httpx.Response:
    return httpx.Response(200, json=completion({"role": "assistant", "content": text}))


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_broken_connections_are_retried(make: Make, router: respx.MockRouter, failure: type[Exception]) -> None:
    answers(router, failure, failure, sse_text("hi"))
    reply = await make().complete(request())
    assert (reply.text, reply.attempts) == ("hi", 3)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_these_statuses_pass(make: Make, router: respx.MockRouter, status: int) -> None:
    answers(router, httpx.Response(status, json=error_body("later")), sse_text("hi"))
    assert (await make().complete(request())).attempts == 2


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (400, None, "does not accept this request"),
        (400, "context_length_exceeded", "lower the token budget"),
        (401, "invalid_api_key", "Check the key in MY_KEY"),
        (402, None, "must be paid"),
        (403, None, "may not use m"),
        (404, "model_not_found", "Check the model name 'm'"),
        (418, None, "Check MY_KEY"),
        (422, None, "does not accept this request"),
        (429, "insufficient_quota", "no credit left"),
    ],
)
async def test_refusals_are_not_retried_and_say_what_to_do(
    make: Make, router: respx.MockRouter, naps: Naps, status: int, code: str | None, hint: str
) -> None:
    answers(router, httpx.Response(status, json=error_body("no.", code)))
    with pytest.raises(ModelRefused, match=hint) as raised:
        await make(key_variable="MY_KEY").complete(request())
    assert f"model m: HTTP {status}: no. " in str(raised.value)
    assert naps.seconds == []


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_the_key_is_never_told(make: Make, router: respx.MockRouter, status: int) -> None:
    said = error_body(f"Incorrect API key provided: {KEY}.")
    answers(router, *[httpx.Response(status, json=said)] * 5)
    with pytest.raises(ModelError) as raised:
        await make().complete(request())
    told = str(raised.value) + repr(raised.value) + "".join(traceback.format_exception(raised.value))
    assert "Incorrect API key provided: ***" in told
    assert KEY not in told


def test_the_key_is_in_no_repr() -> None:
    model = OpenAIModel(base_url=BASE, api_key=KEY)
    target = Target(model="m", endpoint=BASE, key=KEY, key_variable="K")
    assert KEY not in repr(model) + repr(target) + str(vars(model))


@pytest.mark.parametrize("key", ["", "  ", f"{KEY}\nx", f"{KEY} x", f"{KEY}é"])
def test_a_key_that_cannot_be_one_is_refused_untold(key: str) -> None:
    with pytest.raises(InvalidValue, match="Set OPENAI_API_KEY") as raised:
        OpenAIModel(base_url=BASE, api_key=key)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("url", ["models.test/v1", "ftp://models.test", "https://", "me:secret@models.test"])
def test_a_base_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue, match="base URL") as raised:
        OpenAIModel(base_url=url, api_key=KEY)
    assert "secret" not in str(raised.value)


async def test_credentials_in_the_base_url_are_not_told(make: Make, router: respx.MockRouter) -> None:
    router.post(host="models.test").mock(side_effect=httpx.ConnectError)
    with pytest.raises(ModelUnavailable, match=re.escape(BASE)) as raised:
        await make("https://me:secret@models.test/v1", retries=RetryPolicy(attempts=1)).complete(request())
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("streams", [False, True])
async def test_refused_logprobs_are_left_out_for_good(make: Make, router: respx.MockRouter, streams: bool) -> None:
    refusal = httpx.Response(403, json=error_body("You are not allowed to request logprobs from this model"))
    good = sse(delta("stop", content="hi")) if streams else sse_text("hi")
    route = answers(router, refusal, good, good)
    model = make(logprobs=True)
    listen = listener(streams)
    first = await model.complete(request(), listen)
    await model.complete(request(), listen)

    assert (first.text, first.attempts) == ("hi", 1)
    assert sent(route, 0)["logprobs"] is True
    assert not {"logprobs", "top_logprobs"} & (sent(route, 1).keys() | sent(route, 2).keys())


@pytest.mark.parametrize("message", ["bad tools", "a bad seed, though none was sent"])
async def test_other_refusals_are_final(make: Make, router: respx.MockRouter, message: str) -> None:
    route = answers(router, *[httpx.Response(400, json=error_body(message))] * 2)
    with pytest.raises(ModelRefused):
        await make(logprobs=True).complete(request())
    assert route.call_count == 1


async def test_stream_options_and_seed_can_be_done_without(make: Make, router: respx.MockRouter) -> None:
    refusals = [httpx.Response(400, json=error_body("x", param=param)) for param in ("stream_options", "seed")]
    route = answers(router, *refusals, sse(delta("stop", content="hi")))
    assert (await make().complete(request(seed=3), ignore)).text == "hi"
    assert sent(route).keys() == {"model", "messages", "stream"}


@pytest.mark.parametrize("streams", [False, True])
async def test_the_margin_rises_with_confidence(make: Make, router: respx.MockRouter, streams: bool) -> None:
    class Sure:
        def answer(self, conversation: Conversation) -> Answer:
            confidence = float(conversation.user_texts()[-1])
            return Answer(calls=(SimulatedCall(name="refund", arguments={}, confidence=confidence),))

    mount_simulated(router, BASE, Sure())
    listen = listener(streams)
    model = make(logprobs=True)
    replies = [await model.complete(request(str(n)), listen) for n in (0.0, 0.3, 0.6, 0.99)]
    margins = [reply.calls[0].margin or 0.0 for reply in replies]
    assert margins == sorted(set(margins)) and margins[0] == pytest.approx(0.0)
    assert (await make().complete(request("0.5"), listen)).calls[0].margin is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": None}, ModelReply()),
        ({}, ModelReply()),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, ModelReply(text="ab")),
        ({"content": None, "refusal": "no"}, ModelReply(refusal="no")),
        (
            {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "", "function": {"name": "g"}}]},
            ModelReply(
                calls=(ToolCall(name="f", arguments='{"a":1}'), ToolCall(name="g", arguments="{}")), finish="tool_calls"
            ),
        ),
        ({"tool_calls": [None, 3, {"function": None}]}, ModelReply(calls=(ToolCall(name="", arguments="{}"),))),
    ],
)
async def test_odd_answers_are_read(
    make: Make, router: respx.MockRouter, message: dict[str, Any], expected: ModelReply
) -> None:
    answers(router, httpx.Response(200, json=completion(message, None)))
    reply = await make().complete(request())
    assert (reply.text, reply.calls, reply.refusal) == (expected.text, expected.calls, expected.refusal)
    assert reply.finish == ("tool_calls" if reply.calls else "stop")


def piece(index: int | None, id: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    fields = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return delta(tool_calls=[{key: value for key, value in fields.items() if value is not None}])


@pytest.mark.parametrize(
    "chunks",
    [
        [piece(0, "a", "f", ""), piece(0, None, None, '{"x"'), piece(0, None, None, ":1}"), piece(1, "b", "g", "{}")],
        [piece(0, "a", "f", '{"x":1}'), piece(1, "a", "g", "{}")],
        [piece(0, "", "f", '{"x":1}'), piece(1, "", "g", "{}")],
        [piece(None, None, "f", '{"x"'), piece(None, None, None, ":1}"), piece(None, None, "g", "{}")],
        [piece(None, "a", "f", '{"x"'), piece(None, "a", "f", ":1}"), piece(None, "b", "g", "{}")],
        [piece(0, "a", "f", '{"x":1}'), piece(0, "b", "g", "{}")],
        [piece(0, None, "f", '{"x":1}'), piece(0, None, "g", "{}")],
        [piece(1, "b", "f", '{"x":1}'), piece(0, "a", "g", "{}")],
        [piece(0, "a", "f", '{"x"'), piece(1, "b", "g", "{"), piece(0, None, None, ":1}"), piece(1, None, None, "}")],
    ],
    ids=[
        "proper",
        "same-ids",
        "empty-ids",
        "no-index",
        "no-index-name-repeated",
        "index-always-0",
        "index-always-0-no-ids",
        "order-of-coming",
        "interleaved",
    ],
)
async def test_calls_are_put_together_from_pieces(
    make: Make, router: respx.MockRouter, chunks: list[dict[str, Any]]
) -> None:
    answers(router, sse({"choices": []}, *chunks, delta("stop"), done=False))
    reply = await make().complete(request(), ignore)
    assert reply.calls == (ToolCall(name="f", arguments='{"x":1}'), ToolCall(name="g", arguments="{}"))
    assert reply.finish == "tool_calls"


async def test_usage_comes_after_the_finish(make: Make, router: respx.MockRouter) -> None:
    usage: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    route = answers(router, sse(delta("stop", content="hi"), usage))
    reply = await make().complete(request(), ignore)
    assert reply.usage == Usage(prompt=5, completion=2)
    assert sent(route)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("streams", "body", "problem"),
    [
        (False, httpx.Response(200, json={"id": "c", "choices": []}), "broke off before its end"),
        (True, httpx.Response(200, json={"id": "c", "choices": []}), "broke off before its end"),
        (False, httpx.Response(200, json={"error": {"message": "upstream is down"}}), "upstream is down"),
        (True, httpx.Response(200, json={"error": {"message": "upstream is down"}}), "upstream is down"),
        (False, httpx.Response(200, html="<html>a proxy</html>"), "<html>a proxy</html>"),
        (True, httpx.Response(200, html="<html>a proxy</html>"), "broke off before its end"),
        (False, httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"id"'), "cannot be read"),
        (True, sse("no object", done=False), "no object"),
        (True, sse(delta(content="hal"), done=False), "broke off before its end"),
        (True, sse(delta(content="hal")), "broke off before its end"),
        (True, sse(delta(content="hal"), {"error": {"message": "upstream is down"}}), "upstream is down"),
    ],
)
async def test_answers_that_are_none_are_retried(
    make: Make, router: respx.MockRouter, streams: bool, body: httpx.Response, problem: str
) -> None:
    route = answers(router, *[body] * 5)
    with pytest.raises(ModelUnavailable, match=problem):
        await make().complete(request(), listener(streams))
    assert route.call_count == 5


async def test_an_endpoint_may_ignore_that_a_stream_was_asked_for(make: Make, router: respx.MockRouter) -> None:
    answers(router, sse_text("hi"))
    pieces: list[str] = []
    assert (await make().complete(request(), pieces.append)).text == "hi"
    assert pieces == ["hi"]


async def test_an_error_in_a_stream_may_be_for_good(make: Make, router: respx.MockRouter) -> None:
    answers(router, sse(delta(content="hal"), error_body("no credit", "insufficient_quota")))
    with pytest.raises(ModelRefused, match="no credit left"):
        await make().complete(request(), ignore)


async def test_an_error_of_the_listener_is_its_own(make: Make, router: respx.MockRouter) -> None:
    route = answers(router, *[sse(delta("stop", content="hi"))] * 5)

    def fail(piece: str) -> None:
        raise ValueError("the listener's")

    with pytest.raises(ValueError, match="the listener's"):
        await make().complete(request(), fail)
    assert route.call_count == 1


async def test_a_time_out_of_the_listener_is_its_own(make: Make, router: respx.MockRouter) -> None:
    answers(router, sse(delta("stop", content="hi")))

    def fail(piece: str) -> None:
        raise TimeoutError("the listener's")

    with pytest.raises(TimeoutError, match="the listener's"):
        await make().complete(request(), fail)


async def test_a_connection_may_break_after_the_finish(make: Make, router: respx.MockRouter) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield sse(delta("stop", content="hi"), done=False).content
        raise httpx.ReadError("gone")

    answers(router, httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content()))
    reply = await make().complete(request(), ignore)
    assert (reply.text, reply.attempts) == ("hi", 1)


async def test_text_that_cannot_be_sent_is_refused(make: Make, router: respx.MockRouter, naps: Naps) -> None:
    with pytest.raises(ModelRefused, match="text that cannot be sent"):
        await make().complete(request("\ud800"))
    assert naps.seconds == []


async def test_cancelling_is_not_swallowed(make: Make) -> None:
    async with SimulatedServer(two_calls(), faults=Faults(schedule=[Fault.HANG], hang=60)) as server:
        task = asyncio.create_task(make(server.base_url).complete(request()))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def error_classes() -> list[type[Exception]]:
    names = cast(list[str], cast(Any, openai).__all__)
    found = [getattr(openai, name) for name in names]
    return [item for item in found if inspect.isclass(item) and issubclass(item, Exception)]


def an(kind: type[Exception]) -> Exception:
    """An instance of a class of errors of the client."""
    asked = httpx2.Request("POST", BASE)
    values: dict[str, Any] = {
        "message": "m",
        "request": asked,
        "response": httpx2.Response(getattr(kind, "status_code", 500), request=asked),
        "body": None,
        "completion": ChatCompletion.construct(usage=None),
        "unsent_messages": [],
    }
    if kind in (openai.OpenAIError, openai.InvalidWebhookSignatureError, openai.WebSocketQueueFullError):
        return kind("m")
    parameters = inspect.signature(kind.__init__).parameters
    return kind(**{name: values[name] for name in parameters if name in values})


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_client_is_mapped(kind: type[Exception]) -> None:
    target = Target(model="m", endpoint=BASE, key=KEY, key_variable="K")
    ours = translate(an(kind), target, 0.0)
    passes = issubclass(
        kind,
        openai.APIConnectionError
        | openai.RateLimitError
        | openai.ConflictError
        | openai.InternalServerError
        | openai.APIResponseValidationError
        | openai.WebSocketConnectionClosedError
        | openai.WebSocketQueueFullError,
    ) or kind in (openai.APIError, openai.APIStatusError)
    assert type(ours) is (Transient if passes else ModelRefused)
    assert str(ours)


def test_the_client_has_errors_to_map() -> None:
    assert len(error_classes()) >= 18
