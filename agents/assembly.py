"""A model's reply put together from what endpoints send, whole or in pieces.

Works on plain JSON objects: compatible endpoints leave fields out, repeat them, or give them another type, and none
of that may break a run.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from baton.core import ModelReply, ToolCall, Usage, dump, storable

JsonObject = Mapping[str, Any]

_LONGEST = 200  # characters of a complaint


@dataclass(kw_only=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are complete JSON already."""
        try:
            json.loads(self.arguments)
        except (ValueError, RecursionError):
            return False
        return True


class Assembly:
    """Takes the chunks of a stream, or one whole answer, and gives the reply."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.finish = ""
        """The finish reason; empty until it came."""
        self.complaint = ""
        """What came instead of an answer, in brackets; empty for nothing."""
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._usage = Usage()
        self._margins: list[float] = []

    def add(self, given: object) -> str:
        """Take a chunk or a whole completion, and return the text that it adds."""
        body = _object(given)
        if error := body.get("error") or (not body and given):
            self.complaint = f" ({str(_object(error).get('message') or error)[:_LONGEST]})"
        if usage := _object(body.get("usage")):
            self._usage = Usage(prompt=_count(usage, "prompt_tokens"), completion=_count(usage, "completion_tokens"))
        added = ""
        for choice in _objects(body.get("choices"))[:1]:
            said = _object(choice.get("delta")) or _object(choice.get("message"))
            added += _text(said.get("content"))
            self._refusal.append(_text(said.get("refusal")))
            for piece in _objects(said.get("tool_calls")):
                self._add_call(piece)
            self._margins += _margins(_object(choice.get("logprobs")))
            default = "stop" if "message" in choice else ""
            self.finish = _text(choice.get("finish_reason")) or self.finish or default
        self._text.append(added)
        return added

    def reply(self) -> ModelReply:
        """What the model said, so far."""
        margin = min(self._margins, default=None)
        calls = tuple(
            ToolCall(name=storable(call.name), arguments=storable(call.arguments) or "{}", margin=margin)
            for call in self._calls
        )
        return ModelReply(
            text=storable("".join(self._text)),
            calls=calls,
            finish=self.finish if self.finish in ("length", "content_filter") else "tool_calls" if calls else "stop",
            refusal=storable("".join(self._refusal)),
            usage=self._usage,
        )

    def _add_call(self, piece: JsonObject) -> None:
        function = _object(piece.get("function"))
        call = self._call_of(piece, function)
        call.id = call.id or _text(piece.get("id"))
        call.name = call.name or _text(function.get("name"))
        arguments = function.get("arguments")
        call.arguments += arguments if isinstance(arguments, str) else dump(arguments) if arguments else ""

    def _call_of(self, piece: JsonObject, function: JsonObject) -> _Call:
        """The call that a piece belongs to, begun if it is a new one.

        Ids cannot be trusted, nor can the index: some endpoints send none, some 0 for every call.
        """
        index = piece.get("index")
        known = self._at.get(index) if isinstance(index, int) else (self._calls[-1] if self._calls else None)
        if known is not None and not _begins(known, piece, function, has_index=isinstance(index, int)):
            return known
        call = _Call()
        self._calls.append(call)
        if isinstance(index, int):
            self._at[index] = call
        return call


def _begins(known: _Call, piece: JsonObject, function: JsonObject, *, has_index: bool) -> bool:
    """Whether a piece that seems to belong to a known call begins another one: it must carry a name."""
    if not function.get("name") or not known.name:
        return False
    id = _text(piece.get("id"))
    if id and known.id and id != known.id:
        return True
    if has_index or id:
        return known.is_whole and bool(function.get("arguments"))
    return True


def _margins(logprobs: JsonObject) -> Iterator[float]:
    """For each token how much likelier the likeliest was than the next, in log-probability."""
    for token in _objects(logprobs.get("content")):
        found = sorted((_number(top.get("logprob")) for top in _objects(token.get("top_logprobs"))), reverse=True)
        if len(found) >= 2:
            yield found[0] - found[1]


def _object(value: object) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[JsonObject]:
    items = cast(list[object], value) if isinstance(value, list) else []
    return [cast(JsonObject, item) for item in items if isinstance(item, Mapping)]


def _text(value: object) -> str:
    """Text, or the text parts of a list of parts; empty for anything else."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in _objects(cast(object, value)))
    return value if isinstance(value, str) else ""


def _count(usage: JsonObject, name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")
