"""The simulated model's answers on the wire."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.agents.simulated import wire
from baton.agents.simulated.checks import BadRequest, read_chat, read_embeddings
from baton.agents.simulated.minds import Answer, SimulatedCall

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
RESERVED: dict[str, Any] = {"_confidence": {"type": "number"}, "_reason": {"type": "string"}}


def tool(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}


def completion(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    digest = wire.request_digest(body)
    return wire.completion(wire.speak(answer, body, digest), body, digest)


def stream(answer: Answer, body: dict[str, Any]) -> list[bytes]:
    digest = wire.request_digest(body)
    return wire.stream(wire.speak(answer, body, digest), body, digest)


def events(answer: Answer, body: dict[str, Any]) -> list[dict[str, Any]]:
    *chunks, done = stream(answer, body)
    assert done == b"data: [DONE]\n\n"
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in chunks)
    return [json.loads(chunk[6:]) for chunk in chunks]


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What the chunks of a stream say together, as a message says it."""
    message: dict[str, Any] = {"content": "", "refusal": "", "calls": {}, "finish": None}
    for chunk in chunks:
        for choice in chunk["choices"]:
            said = choice["delta"]
            message["content"] += said.get("content") or ""
            message["refusal"] += said.get("refusal") or ""
            for call in said.get("tool_calls") or ():
                known = message["calls"].setdefault(call["index"], {"arguments": ""})
                known["arguments"] += call["function"].pop("arguments")
                known |= {"id": call["id"], **call["function"]} if "id" in call else {}
            message["finish"] = choice["finish_reason"] or message["finish"]
    return message


calls = st.builds(
    SimulatedCall,
    name=st.sampled_from(["refund", "find"]),
    arguments=st.text() | st.dictionaries(st.text(), st.text() | st.integers() | st.none()),
    confidence=st.none() | st.floats(0, 1),
)
answers = st.builds(Answer, text=st.text(), calls=st.lists(calls, max_size=3).map(tuple), refusal=st.none() | st.text())


@given(answers)
def test_a_stream_says_what_the_whole_says(answer: Answer) -> None:
    whole = completion(answer, BODY)["choices"][0]
    parts = joined(events(answer, BODY))
    message = whole["message"]
    assert parts["content"] == (message["content"] or "")
    assert parts["refusal"] == (message["refusal"] or "")
    assert parts["finish"] == whole["finish_reason"]
    assert list(parts["calls"].values()) == [
        {"id": call["id"], **call["function"]} for call in message.get("tool_calls", [])
    ]


@given(answers)
def test_the_same_request_gets_the_same_bytes(answer: Answer) -> None:
    again = json.loads(json.dumps(BODY))
    assert stream(answer, BODY) == stream(answer, again)
    assert wire.encode(completion(answer, BODY)) == wire.encode(completion(answer, again))


def test_ids_are_those_of_the_request() -> None:
    answer = Answer(calls=(SimulatedCall(name="f", arguments={}), SimulatedCall(name="f", arguments={})))
    other = {**BODY, "messages": [*BODY["messages"], {"role": "user", "content": "and?"}]}
    bodies: tuple[dict[str, Any], ...] = (BODY, {**BODY, "stream": True, "stream_options": {}}, other)
    ids = [[call["id"] for call in completion(answer, body)["choices"][0]["message"]["tool_calls"]] for body in bodies]
    assert ids[0] == ids[1]
    assert len({*ids[0], *ids[2]}) == 4


def test_arguments_are_cut_at_odd_places() -> None:
    answer = Answer(calls=(SimulatedCall(name="f", arguments={"text": 'a "quoted" \\ word\n' * 3}),))
    pieces = [
        call["function"]["arguments"]
        for chunk in events(answer, BODY)
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert pieces[0] == "" and len(pieces) > 5
    assert any(piece.endswith("\\") for piece in pieces) or any(piece == "{" for piece in pieces)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, {"a": 1}),
        ({"_confidence": {}}, {"a": 1, "_confidence": 0.4}),
        (RESERVED, {"a": 1, "_confidence": 0.4, "_reason": "so"}),
    ],
)
def test_confidence_and_reason_go_where_the_schema_takes_them(
    properties: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = Answer(calls=(SimulatedCall(name="f", arguments={"a": 1}, confidence=0.4, reason="so"),))
    message = completion(answer, {**BODY, "tools": [tool("f", properties)]})["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == expected


def test_no_confidence_and_raw_arguments_are_sent_as_they_are() -> None:
    answer = Answer(
        calls=(SimulatedCall(name="f", arguments={}, confidence=None), SimulatedCall(name="f", arguments='{"a'))
    )
    message = completion(answer, {**BODY, "tools": [tool("f", RESERVED)]})["choices"][0]["message"]
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ["{}", '{"a']


@pytest.mark.parametrize(
    ("answer", "finish"),
    [
        (Answer(text="hi"), "stop"),
        (Answer(calls=(SimulatedCall(name="f", arguments={}),)), "tool_calls"),
        (Answer(text="hi", finish="length"), "length"),
    ],
)
def test_finish(answer: Answer, finish: str) -> None:
    assert completion(answer, BODY)["choices"][0]["finish_reason"] == finish


def test_usage_is_counted_and_streamed_only_when_asked_for() -> None:
    usage = completion(Answer(text="12345678"), BODY)["usage"]
    assert usage == {"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8}
    assert all("usage" not in chunk for chunk in events(Answer(text="12345678"), BODY))
    last = events(Answer(text="12345678"), {**BODY, "stream_options": {"include_usage": True}})[-1]
    assert (last["choices"], last["usage"]) == ([], usage)


@given(st.lists(st.integers(0, 99).map(lambda n: n / 100), min_size=2, max_size=2, unique=True).map(sorted))
def test_margins_rise_with_confidence(confidences: list[float]) -> None:
    margins: list[float] = []
    for confidence in confidences:
        answer = Answer(calls=(SimulatedCall(name="f", arguments={}, confidence=confidence),))
        tokens = completion(answer, {**BODY, "logprobs": True, "top_logprobs": 2})["choices"][0]["logprobs"]["content"]
        tops = [[top["logprob"] for top in token["top_logprobs"]] for token in tokens]
        assert all(len(top) == 2 and sum(map(math.exp, top)) == pytest.approx(1) for top in tops)
        margins.append(min(top[0] - top[1] for top in tops))
    assert 0 <= margins[0] < margins[1]


@pytest.mark.parametrize(("options", "tops"), [({"logprobs": True}, 0), ({"logprobs": True, "top_logprobs": 1}, 1)])
def test_logprobs_as_many_as_asked_for(options: dict[str, Any], tops: int) -> None:
    logprobs = completion(Answer(text="hello there"), {**BODY, **options})["choices"][0]["logprobs"]
    assert "".join(token["token"] for token in logprobs["content"]) == "hello there"
    assert {len(token["top_logprobs"]) for token in logprobs["content"]} == {tops}


def test_no_logprobs_unasked() -> None:
    assert completion(Answer(text="hi"), BODY)["choices"][0]["logprobs"] is None


@given(st.text(min_size=1), st.integers(1, 64))
def test_embeddings_are_unit_vectors(text: str, dimensions: int) -> None:
    vector = wire.embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.hypot(*vector) == pytest.approx(1)
    assert vector == wire.embed(text, dimensions)


def test_texts_that_share_words_are_near() -> None:
    def near(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(wire.embed(one), wire.embed(other), strict=True))

    assert near("refund the order", "Order refund!") > 0.5 > near("refund the order", "cats sleep all day")


def test_a_half_surrogate_can_be_sent_back() -> None:
    body = {**BODY, "messages": [{"role": "user", "content": "\ud800"}]}
    assert json.loads(wire.encode(completion(Answer(text="\ud800"), body)))["choices"][0]["message"]["content"]
    assert len(wire.embed("\ud800")) == wire.DIMENSIONS


CALLS = {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": ["hi"]}, "messages[0]"),
    ({"messages": [{"role": "robot", "content": ""}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
    ({"messages": [{"role": "tool", "tool_call_id": "a", "content": ""}]}, "messages[0].tool_call_id"),
    ({"messages": [CALLS, {"role": "user", "content": "hi"}]}, "messages[1]"),
    ({"messages": [CALLS]}, "messages[1]"),
    ({"messages": [{**CALLS, "tool_calls": {}}, {"role": "tool"}]}, "messages[1].tool_call_id"),
    ({"messages": [{**CALLS, "tool_calls": "f"}]}, "messages[0].tool_calls"),
    ({"messages": [{**CALLS, "tool_calls": [{"function": {}}]}]}, "messages[0].tool_calls[0].id"),
    (
        {"messages": [{**CALLS, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    ({"tools": {"a": 1}}, "tools"),
    ({"tools": [{"type": "other"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "tools[0].function.name"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": [1]}}]},
        "tools[0].function.parameters",
    ),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": [1]}, "stream_options"),
    ({"n": 2}, "n"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
]


@pytest.mark.parametrize(("change", "param"), WRONG)
def test_wrong_requests_are_refused_by_field(change: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_chat(json.dumps({**BODY, **change}).encode())
    assert (raised.value.param, raised.value.status) == (param, 400)
    assert param in str(raised.value) or "tool_call_id" in str(raised.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff"])
def test_bodies_that_are_no_object_are_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="body"):
        read_chat(raw)


def test_answered_calls_pass() -> None:
    answered = [CALLS, {"role": "tool", "tool_call_id": "a", "content": "1"}, {"role": "user", "content": "hi"}]
    assert read_chat(json.dumps({**BODY, "messages": answered}).encode())["messages"] == answered


@pytest.mark.parametrize(
    ("given", "texts"),
    [("a b", ["a b"]), (["a", "b"], ["a", "b"]), ([1, 2], ["1 2"]), ([[1, 2], [3]], ["1 2", "3"])],
)
def test_inputs_of_embeddings(given: Any, texts: list[str]) -> None:
    assert read_embeddings(json.dumps({"model": "m", "input": given}).encode()) == (texts, "m", wire.DIMENSIONS, False)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [["a"], 3]}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"model": 3}, "model"),
    ],
)
def test_wrong_embedding_requests_are_refused_by_field(change: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_embeddings(json.dumps({"model": "m", "input": "a", **change}).encode())
    assert raised.value.param == param
