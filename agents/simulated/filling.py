"""Arguments for a tool, found in a text: by the parameter's name, type, pattern and allowed values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from baton.agents.simulated.minds import JsonObject

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s<>\"')]*[^\s<>\"').,;:!?]")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?")
_ID = re.compile(r"\b[A-Za-z]{1,6}-?\d[\w-]*\b|(?<=#)\d+|\b\d{3,}\b(?![.,]\d)")
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:\.\d+)?(?![\w-])")
_MONEY = re.compile(
    r"(?:€|\$|£|EUR|USD|GBP)\s?(\d+(?:[.,]\d{2})?)|(\d+(?:[.,]\d{2})?)\s?(?:€|\$|£|EUR|USD|GBP|euros?|dollars?)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|«([^»\n]+)»|(?<!\w)'([^'\n]+)'(?!\w)")
_PLACE = re.compile(r"\b(?:in|at|for|to|from|near|of|about|called|named)\s+([A-Z][\w'-]*(?:\s[A-Z][\w'-]*)*)")
_SUM = re.compile(r"[(\d][\d\s.+*/()^%-]*[-+*/^%][\d\s.+*/()^%-]*[\d)]")
_WORDY = frozenset(
    "query text question message body content task topic subject note reason description search prompt input title "
    "summary comment about".split()
)


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What was found for a tool.

    Attributes:
        arguments: Values by parameter.
        missing: Required parameters with no value.
        guessed: Parameters for which the text had more than one value that fits.
    """

    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    missing: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()


def fill(schema: JsonObject, text: str, known: Mapping[str, Any]) -> Filled:
    """Find a value for each required parameter.

    Args:
        schema: The tool's parameters, an object.
        text: Where to look.
        known: Fields of earlier results by name; they go before guesses by type, after values named in the text.
    """
    arguments: dict[str, Any] = {}
    missing: list[str] = []
    guessed: list[str] = []
    properties: Mapping[str, Any] = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name.startswith("_"):  # _confidence and _reason are put in when the answer is sent
            continue
        spec = _resolved(properties.get(name) or {}, schema)
        if name in known and _fits(known[name], spec) and not _named(name, spec, text):
            arguments[name] = known[name]
            continue
        taken = [str(value) for value in arguments.values()]
        values = [value for value in candidates(name, spec, text) if str(value) not in taken]
        if not values:
            missing.append(name)
            continue
        arguments[name] = values[0]
        if len(values) > 1 and not _named(name, spec, text):
            guessed.append(name)
    return Filled(arguments=arguments, missing=tuple(missing), guessed=tuple(guessed))


def candidates(name: str, spec: JsonObject, text: str) -> list[Any]:
    """Values in a text that a parameter could take, the likeliest first, each once."""
    if "const" in spec:
        return [spec["const"]]
    if "enum" in spec:
        return [value for value in spec["enum"] if re.search(rf"\b{re.escape(str(value))}\b", text, re.IGNORECASE)]
    kind = _kind(spec)
    if kind == "boolean":
        return [not re.search(r"\b(?:not|no|never|without|false)\b", text, re.IGNORECASE)]
    if kind == "array":
        items = candidates(_singular(name), spec.get("items") or {"type": "string"}, text)
        return [items] if items else []
    if kind in ("integer", "number"):
        found: Iterable[Any] = _numbers(name, kind, text)
    elif kind == "string":
        found = [*_named(name, spec, text), *_strings(name, spec, text)]
    else:
        found = ()
    return list(dict.fromkeys(value for value in found if _fits(value, spec)))


def _numbers(name: str, kind: str, text: str) -> Iterator[float]:
    number = int if kind == "integer" else float
    for value in _labelled(name, r"-?\d+(?:\.\d+)?", text):
        yield number(float(value))
    money = [float((before or after).replace(",", ".")) for before, after in _MONEY.findall(text)]
    scale = 100 if "cent" in name.lower() else 1
    yield from (number(round(value * scale, 2)) for value in money)
    plain = _MONEY.sub(" ", _DATE.sub(" ", text))
    yield from (number(float(value)) for value in _NUMBER.findall(plain) if kind == "number" or "." not in value)


def _named(name: str, spec: JsonObject, text: str) -> list[str]:
    """Values that the text gives by the parameter's name, as in `order id: A-1234`."""
    return [value for value in _labelled(name, r"\"[^\"\n]+\"|[^\s,;\"]+", text) if _fits(value, spec)]


def _labelled(name: str, value: str, text: str) -> list[str]:
    label = r"[\s_-]?".join(map(re.escape, re.split(r"[_-]", name)))
    found = re.findall(rf"\b{label}\s*(?:[:=]|\bis\b)\s*({value})", text, re.IGNORECASE)
    return [item.strip("\"'").rstrip(".!?") for item in found]


def _strings(name: str, spec: JsonObject, text: str) -> Iterator[str]:
    words = set(re.split(r"[_-]", name.lower()))
    undated = _DATE.sub(" ", text)
    quoted = [next(part for part in parts if part) for parts in _QUOTED.findall(text)]
    if "pattern" in spec:
        yield from (*quoted, *_ID.findall(undated), *_tokens(text))
    elif (kind := _format(words, spec)) is not None:
        yield from kind.findall(undated if kind is _ID else text)
    elif words & {"expression", "formula", "calculation"}:
        yield from (value.strip() for value in _SUM.findall(undated))
        yield from quoted
    elif words & _WORDY:
        yield from (*quoted, text.strip())
    else:
        yield from (*quoted, *_PLACE.findall(text))


def _format(words: set[str], spec: JsonObject) -> re.Pattern[str] | None:
    """What the values of a string look like, by its format or the words of its name; None for any text."""
    given = spec.get("format")
    if given == "email" or words & {"email", "mail", "recipient", "sender", "customer"}:
        return _EMAIL
    if given in ("date", "date-time") or words & {"date", "day", "when", "until", "since", "deadline"}:
        return _DATE
    if given in ("uri", "url") or words & {"url", "uri", "link", "website"}:
        return _URL
    if words & {"id", "ids", "number", "no", "code", "ref", "reference", "key", "sku", "ticket"}:
        return _ID
    return None


def _tokens(text: str) -> list[str]:
    return [token.strip(".,;:!?()[]\"'") for token in text.split()]


def _fits(value: Any, spec: JsonObject) -> bool:
    kind = _kind(spec)
    if "enum" in spec:
        return value in spec["enum"]
    if kind == "string":
        return isinstance(value, str) and bool(value) and _matches(spec.get("pattern"), value)
    if kind in ("integer", "number"):
        is_number = isinstance(value, int) or (kind == "number" and isinstance(value, float))
        least, most = spec.get("minimum", float("-inf")), spec.get("maximum", float("inf"))
        return is_number and not isinstance(value, bool) and least <= value <= most
    return {"boolean": isinstance(value, bool), "array": isinstance(value, list)}.get(kind, False)


def _matches(pattern: str | None, value: str) -> bool:
    """Whether a value has a pattern; a pattern that Python cannot read excludes nothing."""
    try:
        return pattern is None or re.search(pattern, value) is not None
    except re.error:
        return True


def _kind(spec: JsonObject) -> str:
    kinds = spec.get("type", "string")
    return kinds if isinstance(kinds, str) else next((kind for kind in kinds if kind != "null"), "string")


def _resolved(spec: JsonObject, schema: JsonObject) -> JsonObject:
    """A parameter's schema without its reference, and of alternatives the first that is not null."""
    if "$ref" in spec:
        found: Any = schema
        for part in spec["$ref"].removeprefix("#/").split("/"):
            found = found.get(part) or {}
        return _resolved(cast(JsonObject, found), schema)
    for alternative in spec.get("anyOf") or ():
        if alternative.get("type") != "null":
            return _resolved(alternative, schema)
    return spec


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name
