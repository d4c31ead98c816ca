"""Requests as they come in: read, and refused with the field's name where an endpoint would refuse them."""

import json
import re
from typing import Any, cast

from baton.agents.simulated.minds import JsonObject
from baton.agents.simulated.wire import DIMENSIONS

_ROLES = ("system", "developer", "user", "assistant", "tool")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class BadRequest(Exception):
    """A request that is answered with 4xx in OpenAI's shape; it never leaves this package."""

    def __init__(self, param: str | None, message: str, *, status: int = 400, code: str | None = None) -> None:
        """`param` is the path of the field; None where the body as a whole is wrong."""
        self.param, self.status, self.code = param, status, code
        super().__init__(message)


def read_chat(raw: bytes) -> dict[str, Any]:
    """The body of a chat-completions request.

    Raises:
        BadRequest: naming the field that is wrong.
    """
    body = _read(raw)
    _require(_is_text(body.get("model")), "model", "a model name")
    messages = _list(body.get("messages"), "messages", "a list of messages")
    _require(bool(messages), "messages", "a list with at least one message")
    _check_messages(messages)
    _check_tools(body.get("tools"))
    _check_options(body)
    return body


def read_embeddings(raw: bytes) -> tuple[list[str], str, int, bool]:
    """The texts, the model, the dimensions, and whether vectors are wanted as base64.

    A list of token numbers is read as the text of its numbers.

    Raises:
        BadRequest: naming the field that is wrong.
    """
    body = _read(raw)
    _require(_is_text(body.get("model")), "model", "a model name")
    texts = _texts(body.get("input"))
    dimensions = body.get("dimensions", DIMENSIONS)
    _require(_is_number(dimensions, 1, 8192), "dimensions", "a whole number from 1 to 8192")
    encoding = body.get("encoding_format", "float")
    _require(encoding in ("float", "base64"), "encoding_format", "'float' or 'base64'")
    return texts, body["model"], dimensions, encoding == "base64"


def _read(raw: bytes) -> dict[str, Any]:
    try:
        body: Any = json.loads(raw)
    except ValueError as error:
        raise BadRequest(None, f"the body is not JSON: {error}") from None
    return _object(body, None, "a JSON object")


def _check_messages(messages: list[Any]) -> None:
    """Roles and contents, and that the calls of each assistant message are answered right after it."""
    open_calls: set[str] = set()
    for position, given in enumerate(messages):
        at = f"messages[{position}]"
        message = _object(given, at, "an object")
        role = message.get("role")
        _require(role in _ROLES, f"{at}.role", f"one of {', '.join(_ROLES)}")
        _require(isinstance(message.get("content"), str | list | None), f"{at}.content", "a string or a list of parts")
        if role == "tool":
            answered = message.get("tool_call_id")
            _require(answered in open_calls, f"{at}.tool_call_id", "the id of a call in the assistant message before")
            open_calls.discard(str(answered))
            continue
        _require_answered(open_calls, position)
        if role == "assistant":
            open_calls = _calls_of(message, at)
    _require_answered(open_calls, len(messages))


def _require_answered(open_calls: set[str], position: int) -> None:
    if open_calls:
        raise BadRequest(
            f"messages[{position}]",
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'; there is none for: {', '.join(sorted(open_calls))}",
        )


def _calls_of(message: JsonObject, at: str) -> set[str]:
    ids: set[str] = set()
    for position, given in enumerate(_list(message.get("tool_calls") or [], f"{at}.tool_calls", "a list of calls")):
        here = f"{at}.tool_calls[{position}]"
        call = _object(given, here, "an object")
        _require(_is_text(call.get("id")), f"{here}.id", "an id")
        function = _object(call.get("function"), f"{here}.function", "an object")
        for key in ("name", "arguments"):
            _require(isinstance(function.get(key), str), f"{here}.function.{key}", "a string")
        ids.add(call["id"])
    return ids


def _check_tools(tools: Any) -> None:
    for position, given in enumerate(_list(tools or [], "tools", "a list of tools")):
        at = f"tools[{position}]"
        tool = _object(given, at, "an object")
        _require(tool.get("type") == "function", f"{at}.type", "'function'")
        function = _object(tool.get("function"), f"{at}.function", "an object")
        name = function.get("name")
        _require(_is_text(name) and bool(_NAME.fullmatch(str(name))), f"{at}.function.name", f"like {_NAME.pattern}")
        _object(function.get("parameters") or {}, f"{at}.function.parameters", "a JSON schema")


def _check_options(body: JsonObject) -> None:
    _require(isinstance(body.get("stream"), bool | None), "stream", "true or false")
    _require(isinstance(body.get("stream_options"), dict | None), "stream_options", "an object")
    _require(body.get("n") in (None, 1), "n", "1: the simulated model gives one choice")
    top = body.get("top_logprobs")
    _require(top is None or _is_number(top, 0, 20), "top_logprobs", "a whole number from 0 to 20")
    _require(top is None or bool(body.get("logprobs")), "top_logprobs", "nothing unless 'logprobs' is true")


def _texts(given: Any) -> list[str]:
    """The input of an embeddings request: one text or many, as strings or as lists of token numbers."""
    many = cast(list[object], given) if isinstance(given, list) else [given]
    if many and all(isinstance(item, int) for item in many):
        many = [cast(object, many)]
    texts: list[Any] = [" ".join(map(str, cast(list[object], x))) if isinstance(x, list) else x for x in many]
    _require(bool(texts) and all(map(_is_text, texts)), "input", "texts that are not empty")
    return texts


def _object(value: Any, param: str | None, allowed: str) -> dict[str, Any]:
    _require(isinstance(value, dict), param, allowed)
    return cast(dict[str, Any], value)


def _list(value: Any, param: str, allowed: str) -> list[Any]:
    _require(isinstance(value, list), param, allowed)
    return cast(list[Any], value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _require(holds: bool, param: str | None, allowed: str) -> None:
    if not holds:
        raise BadRequest(param, f"'{param}' must be {allowed}" if param else f"the body must be {allowed}")
