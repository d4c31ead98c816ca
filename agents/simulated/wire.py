"""An answer on the wire: chat completions as JSON and as a stream, embeddings, the list of models.

Pure functions. Ids come from the digest of the request, so the same request gets the same bytes, whichever
process answers.
"""

import base64
import hashlib
import itertools
import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from baton.agents.simulated.minds import Answer, Conversation, JsonObject, SimulatedCall
from baton.core import dump

OWNER = "baton-simulated"
CREATED = 1_700_000_000
DIMENSIONS = 256
DONE = b"data: [DONE]\n\n"

_PIECES = (1, 9, 4, 23, 17, 2, 40)  # lengths of streamed pieces: some cut words, numbers and escapes in two
_SURE = 0.9995


@dataclass(frozen=True, kw_only=True)
class SpokenCall:
    """A tool call as it is sent.

    Attributes:
        id: None sends none.
        name: The tool.
        arguments: Raw text.
    """

    id: str | None
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """An answer made ready for the wire.

    Attributes:
        text: Text for the reader.
        calls: Tool calls in order.
        finish: The finish reason.
        refusal: None when the model answers.
        confidence: 0 to 1, the least of the calls'; the log-probabilities show it.
    """

    text: str
    calls: tuple[SpokenCall, ...]
    finish: str
    refusal: str | None
    confidence: float


def request_digest(body: JsonObject) -> str:
    """SHA-256 in hex of what is asked; whether the answer is streamed does not count."""
    asked = {key: value for key, value in body.items() if key not in ("stream", "stream_options")}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def encode(value: Any) -> bytes:
    """JSON in ASCII: what a conversation may carry, such as half a surrogate pair, can be sent back."""
    return json.dumps(value, separators=(",", ":")).encode()


def speak(answer: Answer, body: JsonObject, digest: str) -> Utterance:
    """Give calls their ids, and put confidence and reason into the arguments where the tool's schema takes them."""
    tools = Conversation(body).tools
    calls = tuple(
        SpokenCall(
            id=f"call_{digest[:16]}_{position}",
            name=call.name,
            arguments=_arguments(call, _properties(tools.get(call.name))),
        )
        for position, call in enumerate(answer.calls)
    )
    stated = [call.confidence for call in answer.calls if call.confidence is not None]
    return Utterance(
        text=answer.text,
        calls=calls,
        finish=answer.finish or ("tool_calls" if calls else "stop"),
        refusal=answer.refusal,
        confidence=min(stated, default=1.0),
    )


def completion(utterance: Utterance, body: JsonObject, digest: str) -> dict[str, Any]:
    """The `chat.completion` object."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": utterance.text or None,
        "refusal": utterance.refusal,
    }
    if utterance.calls:
        message["tool_calls"] = [
            _with_id(call.id, {"type": "function", "function": {"name": call.name, "arguments": call.arguments}})
            for call in utterance.calls
        ]
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": utterance.finish,
        "logprobs": _logprobs(_texts(utterance), utterance.confidence, body),
    }
    return {**_head("chat.completion", body, digest), "choices": [choice], "usage": usage(utterance, body)}


def stream(utterance: Utterance, body: JsonObject, digest: str) -> list[bytes]:
    """The same answer as server-sent events: role, pieces of it, finish, usage if asked for, `[DONE]`."""
    head = _head("chat.completion.chunk", body, digest)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *_text_deltas(utterance)]
    for index, call in enumerate(utterance.calls):
        deltas += _call_deltas(index, call)
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": utterance.finish})
    logprobs = _logprobs(_texts(utterance), utterance.confidence, body)
    if logprobs is not None:
        choices[0]["logprobs"] = logprobs
    chunks = [{**head, "choices": [choice]} for choice in choices]
    options: JsonObject = body.get("stream_options") or {}
    if options.get("include_usage"):
        chunks.append({**head, "choices": [], "usage": usage(utterance, body)})
    return [*(b"data: %b\n\n" % encode(chunk) for chunk in chunks), DONE]


def usage(utterance: Utterance, body: JsonObject) -> dict[str, int]:
    """Tokens, counted as four bytes each: not a tokeniser's count, but always the same one."""
    prompt = sum(4 + _tokens(_message_text(message)) for message in body["messages"])
    if body.get("tools"):
        prompt += _tokens(dump(body["tools"]))
    spoken = sum(_tokens(text) for text in _texts(utterance))
    return {"prompt_tokens": prompt, "completion_tokens": spoken, "total_tokens": prompt + spoken}


def models(names: Iterable[str]) -> dict[str, Any]:
    """The list of models; each says that it is simulated."""
    data = [{"id": name, "object": "model", "created": CREATED, "owned_by": OWNER} for name in names]
    return {"object": "list", "data": data}


def embeddings(texts: list[str], model: str, dimensions: int, as_base64: bool) -> dict[str, Any]:
    """One vector a text: hashed bags of words, so texts that share words are near each other."""
    vectors = [embed(text, dimensions) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(_tokens(text) for text in texts)
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def embed(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A unit vector: each word adds or takes one at the place that its hash names (Weinberger et al. 2009)."""
    vector = [0.0] * dimensions
    words = re.findall(r"\w+", text.lower())
    for word in words or [text]:
        place, sign = _hashed(word)
        vector[place % dimensions] += sign
    if not any(vector):  # the words cancelled each other out
        vector[_hashed(text)[0] % dimensions] = 1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def _head(kind: str, body: JsonObject, digest: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{digest[:24]}", "object": kind, "created": CREATED, "model": body["model"]}


def _properties(tool: JsonObject | None) -> JsonObject:
    parameters: JsonObject = (tool or {}).get("parameters") or {}
    return parameters.get("properties") or {}


def _arguments(call: SimulatedCall, properties: JsonObject) -> str:
    if isinstance(call.arguments, str):
        return call.arguments
    arguments = dict(call.arguments)
    if "_confidence" in properties and call.confidence is not None:
        arguments["_confidence"] = call.confidence
    if "_reason" in properties and call.reason:
        arguments["_reason"] = call.reason
    return dump(arguments)


def _with_id(id: str | None, value: dict[str, Any]) -> dict[str, Any]:
    return value if id is None else {"id": id, **value}


def _text_deltas(utterance: Utterance) -> Iterator[dict[str, Any]]:
    yield from ({"content": piece} for piece in _pieces(utterance.text))
    yield from ({"refusal": piece} for piece in _pieces(utterance.refusal or ""))


def _call_deltas(index: int, call: SpokenCall) -> Iterator[dict[str, Any]]:
    opening = _with_id(call.id, {"type": "function", "function": {"name": call.name, "arguments": ""}})
    yield {"tool_calls": [{"index": index, **opening}]}
    for piece in _pieces(call.arguments):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    start = 0
    for length in itertools.cycle(_PIECES):
        if start >= len(text):
            return
        yield text[start : start + length]
        start += length


def _texts(utterance: Utterance) -> list[str]:
    spoken = [utterance.text, utterance.refusal or ""]
    for call in utterance.calls:
        spoken += [call.name, call.arguments]
    return [text for text in spoken if text]


def _logprobs(texts: list[str], confidence: float, body: JsonObject) -> dict[str, Any] | None:
    if not body.get("logprobs"):
        return None
    tokens = [token for text in texts for token in re.findall(r"\s*\S{1,6}|\s+", text)]
    return {
        "content": [
            _token(token, _SURE if position else min(0.5 + confidence / 2, _SURE), body.get("top_logprobs") or 0)
            for position, token in enumerate(tokens)
        ],
        "refusal": None,
    }


def _token(text: str, probability: float, top: int) -> dict[str, Any]:
    """One token: the first of an answer has the probability that the confidence gives, the rest are near certain."""
    chosen = {"token": text, "logprob": math.log(probability), "bytes": list(text.encode(errors="surrogatepass"))}
    other = {"token": "…", "logprob": math.log(1 - probability), "bytes": list("…".encode())}
    return {**chosen, "top_logprobs": [chosen, other][:top]}


def _tokens(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // 4)


def _message_text(message: JsonObject) -> str:
    content = message.get("content")
    text = content if isinstance(content, str) else dump(content or "")
    return text + (dump(message["tool_calls"]) if message.get("tool_calls") else "")


@lru_cache(maxsize=65536)
def _hashed(word: str) -> tuple[int, float]:
    value = int.from_bytes(hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
    return value >> 1, 1.0 if value & 1 else -1.0


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
