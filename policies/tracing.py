"""Where an argument's value came from, judged by what the run has read.

Each leaf of an argument is looked up in everything read: as a whole field of a tool's JSON result (its source
is then `tool.field.path`, list indexes dropped), or inside a text or a text field, where it must stand between
word boundaries (its source is then the reading's own). Texts are compared after NFKC, case folding and
collapsing white space, numbers by value.

- A leaf has the highest trust among the places it was found in: each of them vouches for it. It has the highest
  confidentiality among them.
- A leaf found nowhere may derive from anything read: it has the lowest trust of all readings, the agent's
  at most, the highest confidentiality, and the source `untraced`.
- Booleans, whole numbers under 100 and texts under 3 characters occur everywhere, so they count only as a
  whole field of a tool's result. Null carries nothing.
- An argument has the lowest trust of its leaves, the highest confidentiality, and only those sources that all its
  leaves share (`mixed` when they share none), so that "from X" means all of it is from X. Write forbids by trust,
  permits by source.
- A leaf that is only found in another dress stays untraced, and the source is named beside it: `encoded:X` (base64,
  hex, URL-encoding), `like:X` (look-alike letters), `quotes:X` (some of its words). Two leaves of one call that
  stand together somewhere (`user` and `domain` of an address) are trusted no more than that place: `joined:X`.
"""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, cast

from baton.core import Confidentiality, Reading, RunId, Trust
from baton.policies.disguises import decoded, encoded, unmasked
from baton.policies.naming import Named
from baton.policies.page import Found, Page, clean
from baton.policies.texts import is_pointed, normalised, pieces, whole, written

UNTRACED, MIXED, ABSENT = "untraced", "mixed", "absent"

_JOINED = 6
_LONGEST_PART = 80
_QUOTES = 2
_RUN = 4
_TELLING = 12


@dataclass(frozen=True)
class Traced:
    """Where a value was found.

    Attributes:
        trust: How far it is trusted.
        sources: Where it was found; `untraced`, `mixed` or `absent` where there is no such place.
        secrecy: How confidential it is.
        vouched: Whether the user has said it, or has named the record that it stands in.
    """

    trust: Trust
    sources: frozenset[str]
    secrecy: Confidentiality = Confidentiality.INTERNAL
    vouched: bool = False

    def document(self) -> dict[str, Any]:
        """As it is recorded."""
        return {
            "trust": self.trust.name.lower(),
            "from": sorted(self.sources),
            "confidentiality": self.secrecy.name.lower(),
            "vouched": self.vouched,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Traced":
        """As it was recorded.

        Raises:
            KeyError: if it says nothing known.
        """
        return cls(
            Trust[document["trust"].upper()],
            frozenset(document["from"]),
            Confidentiality[document["confidentiality"].upper()],
            bool(document["vouched"]),
        )


class Readings:
    """Everything a run has read, ready for looking values up; grows reading by reading."""

    def __init__(self) -> None:
        self._pages: list[Page] = []
        self._named = Named()
        self.lowest: Trust = Trust.SYSTEM
        self.highest: Confidentiality = Confidentiality.PUBLIC

    @property
    def untraced(self) -> Traced:
        """What a value found nowhere is worth."""
        return Traced(min(self.lowest, Trust.AGENT), frozenset({UNTRACED}), self.highest)

    def add(self, reading: Reading) -> None:
        """Take one more reading in."""
        page = Page(reading, clean(reading.source), self._echoes(reading))
        self._pages.append(page)
        self._named.add(page)
        self.lowest, self.highest = min(self.lowest, page.lowest), max(self.highest, page.highest)

    def find(self, value: str | int | float | bool) -> Traced:
        """Where one leaf was found."""
        found = self._places(value)
        if not found:
            return self._disguised(value)
        trust = max(place.trust for place in found)
        return Traced(
            trust,
            frozenset(place.source for place in found),
            max(place.secrecy for place in found),
            trust >= Trust.USER or self._named.vouches(value),
        )

    def together(self, first: str, seconds: Sequence[str]) -> dict[int, list[Found]]:
        """The places where a text stands with one of `seconds` right behind it, by the number of the second."""
        found: dict[int, list[Found]] = {}
        runs = [([*pieces(first), *pieces(second)], pieces(first + second)) for second in seconds]
        for page in self._pages:
            can = [
                (number, seconds[number])
                for number, (apart, joined) in enumerate(runs)
                if page.holds(apart) or page.holds(joined)
            ]
            for number, place in page.behind(first, can) if can else ():
                found.setdefault(number, []).append(place)
        return found

    def _places(self, value: Any) -> list[Found]:
        forms, needles = whole(value), written(value)
        found: list[Found] = []
        for text in dict.fromkeys((*forms, *needles)):
            runs, figure = pieces(text), text.lstrip("-").encode() if is_pointed(text) else b""
            for page in self._pages:
                if page.holds(runs, figure):
                    found += page.fields(value, text) if text in forms else ()
                    found += page.passages(text) if text in needles else ()
        return found

    def _disguised(self, value: Any) -> Traced:
        """A leaf that was not found, with the sources that it resembles."""
        nowhere, vouched = self.untraced, self._named.vouches(value)
        if not isinstance(value, str) or not self._pages:
            return Traced(nowhere.trust, nowhere.sources, nowhere.secrecy, vouched)
        resembles = {f"encoded:{place.source}" for plain in decoded(value) for place in self._places(plain)}
        plain = unmasked(value)
        resembles |= {f"like:{place.source}" for place in self._places(plain)} if plain else set()
        text = normalised(value)
        for page in self._pages:
            if page.long and any(code in page.long for code in encoded(text)):
                resembles.add(f"encoded:{page.source}")
        return Traced(nowhere.trust, nowhere.sources | resembles | self._quotes(text), nowhere.secrecy, vouched)

    def _quotes(self, text: str) -> set[str]:
        """The readings that some telling word of a text stands in, or a run of its words."""
        words = text.split(" ")
        telling = {run for run in pieces(text) if _is_telling(run)}
        found = {f"quotes:{page.source}" for page in self._pages if not telling.isdisjoint(page.pieces)}
        step = max(_RUN, len(words) // _QUOTES)
        for start in range(0, len(words) - _RUN + 1, step):
            run = " ".join(words[start : start + _RUN])
            runs = pieces(run)
            found |= {f"quotes:{page.source}" for page in self._pages if page.holds(runs) and run in page.text}
        return found

    def _echoes(self, reading: Reading) -> Mapping[str, Trust]:
        """How far that of a write's result is trusted which the agent itself has put in."""
        if reading.given is None:
            return {}
        return {form: self.find(leaf).trust for leaf in leaves(reading.given) for form in whole(leaf)}


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
    ) -> tuple[dict[str, Traced], Readings]:
        """`trace` over the readings of `run`, of which those seen before are not read again; and all it has read."""
        with self._lock:
            seen, index = self._runs.pop(run, ((), Readings()))
            if readings[: len(seen)] != seen:
                seen, index = (), Readings()
            for reading in readings[len(seen) :]:
                index.add(reading)
            self._runs[run] = (readings, index)
            if len(self._runs) > self._size:
                self._runs.popitem(last=False)
            return trace(arguments, index, keyed), index


def trace(arguments: Mapping[str, Any], readings: Readings, keyed: Collection[str] = ()) -> dict[str, Traced]:
    """Where each argument's value came from.

    Args:
        arguments: The arguments by name.
        readings: What the run has read.
        keyed: Arguments whose objects may have any keys, so that the keys are traced too.
    """
    parts = {
        name: [(leaf, readings.find(leaf)) for leaf in leaves(value, name in keyed)]
        for name, value in arguments.items()
    }
    _join(parts, readings)
    return {name: _together([traced for _, traced in found], readings) for name, found in parts.items()}


def leaves(value: Any, keyed: bool = False) -> Iterator[Any]:
    """Every scalar inside `value` but null; without recursion, as depth is others'."""
    left: list[Any] = [value]
    while left:
        value = left.pop()
        match value:
            case dict():
                fields = cast(dict[str, Any], value)
                left.extend(fields.values())
                left.extend(fields if keyed else ())
            case list() | tuple():
                left.extend(cast(list[Any], value))
            case None:
                pass
            case _:
                yield value


def _together(parts: list[Traced], readings: Readings) -> Traced:
    if not parts:
        return replace(readings.untraced, vouched=True)
    return Traced(
        min(part.trust for part in parts),
        reduce(frozenset[str].__and__, (part.sources for part in parts)) or frozenset({MIXED}),
        max(part.secrecy for part in parts),
        all(part.vouched for part in parts),
    )


def _join(parts: dict[str, list[tuple[Any, Traced]]], readings: Readings) -> None:
    """Lower the trust of leaves that stand together in a place which is trusted less than they are apart."""
    short = [
        (name, at, normalised(leaf))
        for name, found in parts.items()
        for at, (leaf, _) in enumerate(found)
        if isinstance(leaf, str) and len(leaf) <= _LONGEST_PART and leaf.strip()
    ][:_JOINED]
    for name, at, text in short:
        others = [(other, there, beside) for other, there, beside in short if (other, there) != (name, at)]
        best = max((parts[other][there][1].trust for other, there, _ in short), default=readings.lowest)
        if best <= readings.lowest:
            return
        for number, found in readings.together(text, [beside for _, _, beside in others]).items():
            for place, where in ((name, at), others[number][:2]):
                leaf, before = parts[place][where]
                parts[place][where] = leaf, _lowered(before, found)


def _lowered(before: Traced, found: list[Found]) -> Traced:
    """A leaf's label, no more trusted than the best place in which it stands together with another."""
    trust = max(place.trust for place in found)
    if trust >= before.trust:
        return before
    sources = before.sources | {f"joined:{place.source}" for place in found}
    return Traced(trust, sources, max(before.secrecy, *(place.secrecy for place in found)))


def _is_telling(run: bytes) -> bool:
    """Whether a word is so rare that it is hardly there by chance: an account, a code, an address."""
    return len(run) >= _TELLING or (len(run) >= _RUN and any(character in b"0123456789" for character in run))
