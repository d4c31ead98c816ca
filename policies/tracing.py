"""Where an argument's value came from, judged by what the run has read.

Each leaf of an argument is looked up in everything read: as a whole field of a tool's JSON result (its source
is then `tool.field.path`, list indexes dropped), or inside a text or a text field, where it must stand between
word boundaries (its source is then the reading's own). Texts are compared after NFKC, case folding and
collapsing white space, numbers by value.

- A leaf has the highest trust among the places it was found in: each of them vouches for it.
- A leaf found nowhere may derive from anything read: it has the lowest trust of all readings, the agent's
  at most, and the source `untraced`.
- Booleans, whole numbers under 100 and texts under 3 characters occur everywhere, so they count only as a
  whole field of a tool's result. Null carries nothing.
- An argument has the lowest trust of its leaves and only those sources that all its leaves share (`mixed` when
  they share none), so that "from X" means all of it is from X. Write forbids by trust, permits by source.

Values that were re-encoded or rephrased are not followed: they are untraced, which errs on the side of asking.
"""

import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, reduce
from typing import Any, cast

from baton.core import Reading, RunId, Trust

UNTRACED, MIXED, ABSENT = "untraced", "mixed", "absent"

_COMMON_BELOW = 100
_SHORTEST = 3
_TRIES = 1000
_LONGEST_NUMBER = 40
_JOINERS = ".@-/+"  # a word behind one of these belongs to the same name: bob@shop.example is not bob@shop
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FIGURES = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_SWAP = str.maketrans(".,", ",.")

_Key = tuple[str, str | Decimal | bool]


@dataclass(frozen=True)
class Traced:
    """Where a value was found.

    Attributes:
        trust: How far it is trusted.
        sources: Where it was found; `untraced`, `mixed` or `absent` where there is no such place.
    """

    trust: Trust
    sources: frozenset[str]

    def document(self) -> dict[str, Any]:
        """As it is recorded."""
        return {"trust": self.trust.name.lower(), "from": sorted(self.sources)}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Traced":
        """As it was recorded.

        Raises:
            KeyError: if it says nothing known.
        """
        return cls(Trust[document["trust"].upper()], frozenset(document["from"]))


class _Passage:
    """A text that was read, normalised, and the figures in it, which rule most values out without a search."""

    def __init__(self, source: str, trust: Trust, text: str) -> None:
        self.source, self.trust, self._text = source, trust, text
        self._figures = frozenset(_FIGURES.findall(text))

    def holds(self, needle: str) -> bool:
        figure = _FIGURES.search(needle)
        return (figure is None or figure.group() in self._figures) and _stands_in(self._text, needle)


class Readings:
    """Everything a run has read, ready for looking values up; grows reading by reading."""

    def __init__(self) -> None:
        self._fields: dict[_Key, dict[str, Trust]] = {}
        self._passages: list[_Passage] = []
        self._lowest = Trust.AGENT

    @property
    def untraced(self) -> Traced:
        """What a value found nowhere is worth."""
        return Traced(self._lowest, frozenset({UNTRACED}))

    def add(self, reading: Reading) -> None:
        """Take one more reading in."""
        source, trust = _clean(reading.source), reading.label.trust
        self._lowest = min(self._lowest, trust)
        if isinstance(reading.content, str):
            self._passages.append(_Passage(source, trust, normalised(reading.content)))
            return
        texts: list[str] = []
        for path, value in _leaves(reading.content, source):
            keys = _keys(value)
            for key in keys:
                places = self._fields.setdefault(key, {})
                if places.get(path, Trust.EXTERNAL) <= trust:
                    places[path] = trust
            texts.extend(str(text) for kind, text in keys if kind == "text")
        if texts:
            self._passages.append(_Passage(source, trust, "\n".join(texts)))

    def find(self, value: str | int | float | bool) -> Traced:
        """Where one leaf was found."""
        found: dict[str, Trust] = {}
        for key in _keys(value):
            found |= self._fields.get(key, {})
        needles = _needles(value)
        for passage in self._passages if needles else ():
            known = found.get(passage.source)
            if (known is None or known < passage.trust) and any(map(passage.holds, needles)):
                found[passage.source] = passage.trust
        return Traced(max(found.values()), frozenset(found)) if found else self.untraced


class RecentReadings:
    """The readings of the runs at work, so that each is taken in once and not at every judgement.

    Args:
        size: Runs that are kept.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._runs: OrderedDict[RunId, tuple[tuple[Reading, ...], Readings]] = OrderedDict()

    def trace(
        self, run: RunId, arguments: Mapping[str, Any], readings: tuple[Reading, ...], keyed: Collection[str] = ()
    ) -> dict[str, Traced]:
        """`trace` over the readings of `run`, of which those seen before are not read again."""
        with self._lock:
            seen, index = self._runs.pop(run, ((), Readings()))
            if readings[: len(seen)] != seen:
                seen, index = (), Readings()
            for reading in readings[len(seen) :]:
                index.add(reading)
            self._runs[run] = (readings, index)
            if len(self._runs) > self._size:
                self._runs.popitem(last=False)
            return trace(arguments, index, keyed)


def trace(arguments: Mapping[str, Any], readings: Readings, keyed: Collection[str] = ()) -> dict[str, Traced]:
    """Where each argument's value came from.

    Args:
        arguments: The arguments by name.
        readings: What the run has read.
        keyed: Arguments whose objects may have any keys, so that the keys are traced too.
    """
    return {name: _trace_one(value, readings, name in keyed) for name, value in arguments.items()}


def normalised(text: str) -> str:
    """`text` for comparing: NFKC, case folded, white space collapsed."""
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def _trace_one(value: Any, readings: Readings, keyed: bool) -> Traced:
    parts = [readings.find(leaf) for _, leaf in _leaves(value, "", keyed)]
    if not parts:
        return readings.untraced
    shared = reduce(frozenset[str].__and__, (part.sources for part in parts))
    return Traced(min(part.trust for part in parts), shared or frozenset({MIXED}))


def _leaves(value: Any, path: str, keyed: bool = False) -> Iterator[tuple[str, Any]]:
    """Every scalar inside `value` but null, with the path of names to it; without recursion, as depth is others'."""
    left: list[tuple[str, Any]] = [(path, value)]
    while left:
        path, value = left.pop()
        match value:
            case dict():
                fields = cast(dict[str, Any], value)
                left.extend((_below(path, name), part) for name, part in fields.items())
                left.extend((path, name) for name in fields if keyed)
            case list() | tuple():
                left.extend((path, part) for part in cast(list[Any], value))
            case None:
                pass
            case _:
                yield path, value


def _keys(value: Any) -> list[_Key]:
    """What a value is filed under as a whole field."""
    match value:
        case bool():
            return [("flag", value)]
        case int():
            return [("number", Decimal(value))]
        case float():
            return [("number", Decimal(repr(value)))]
        case str():
            text = normalised(value)
            number: list[_Key] = [("number", Decimal(text))] if _is_number(text) else []
            return [("text", text), *number] if text else []
        case _:
            return []


def _needles(value: Any) -> list[str]:
    """The ways a value is written in a text; none where it would be found by chance."""
    match value:
        case bool():
            return []
        case str():
            text = normalised(value)
            return [text] if len(text) >= _SHORTEST and any(map(str.isalnum, text)) and not _is_common(text) else []
        case int() | float() if not _is_common(repr(value)):
            number = Decimal(repr(value))
            written = {f"{number:{grouping}{places}f}" for grouping in ("", ",") for places in ("", ".2")}
            exact = {text for text in written if Decimal(text.replace(",", "")) == number}
            return sorted(exact | {text.translate(_SWAP) for text in exact if "." in text})
        case _:
            return []


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_NUMBER and bool(_PLAIN_NUMBER.fullmatch(text))


def _is_common(text: str) -> bool:
    if not _is_number(text):
        return text in ("nan", "inf", "-inf")
    number = Decimal(text)
    return number == int(number) and abs(number) < _COMMON_BELOW


def _stands_in(text: str, needle: str) -> bool:
    """Whether `needle` occurs in `text` as whole words; gives up after many near misses, which errs on asking."""
    start = text.find(needle)
    for _ in range(_TRIES):
        if start < 0:
            return False
        end = start + len(needle)
        if not _goes_on(text[end : end + 2], needle[-1]) and not _goes_on(
            text[max(0, start - 2) : start][::-1], needle[0]
        ):
            return True
        start = text.find(needle, start + 1)
    return False


def _goes_on(beyond: str, edge: str) -> bool:
    """Whether the name or number whose last character is `edge` goes on in the two characters `beyond`."""
    if not beyond or not _is_word(edge):
        return False
    if _is_word(beyond[0]) or (beyond[0] == "-" and edge.isdigit()):
        return True
    joined = beyond[0] in _JOINERS or (beyond[0] == "," and edge.isdigit() and beyond[-1].isdigit())
    return joined and len(beyond) > 1 and _is_word(beyond[1])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


@lru_cache(maxsize=1024)
def _below(path: str, name: str) -> str:
    return f"{path}.{_clean(name)}"


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
