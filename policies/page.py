"""One reading, ready for values to be looked up in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from typing import Any

from baton.core import Confidentiality, Reading, Trust
from baton.policies.flat import SEPARATOR, Flat
from baton.policies.texts import SHORTEST, normalised, same, stands_at, words_of

_TRIES = 1000
_BLOCK = 16384
_JOINERS = frozenset("@./ :-_")
_LONG = 16
"""Characters from which a run may be something encoded."""


@dataclass(frozen=True)
class Found:
    """A place that a value was found in.

    Attributes:
        source: The reading's source, with the path of the field where the value is the whole of it.
        trust: Of that place.
        secrecy: Of that place.
    """

    source: str
    trust: Trust
    secrecy: Confidentiality


class Page:
    """A reading as normalised text with an index of its words.

    Args:
        reading: What was read.
        source: What its places are called.
        given: What the agent itself has put in, normalised, with the trust of each: it comes back no more trusted.
    """

    def __init__(self, reading: Reading, source: str, given: Mapping[str, Trust] | None = None) -> None:
        self.source, self.content, self.marks = source, reading.content, reading.marks
        content = reading.content
        self.flat = None if isinstance(content, str) else Flat(content)
        worst = self.marks.over(reading.label)
        label = worst if self.flat is None else reading.label  # in a text, nobody can tell fields apart
        self.trust, self.secrecy = label.trust, label.confidentiality
        if self.flat is None:
            self.text = normalised(content)
        else:
            text = normalised(self.flat.text)
            self.text = text.replace(f" {SEPARATOR}", SEPARATOR).replace(f"{SEPARATOR} ", SEPARATOR)
        self.pieces, self.figures = words_of(self.text)
        self.long = b" ".join(compress(self.pieces, map(_LONG.__le__, map(len, self.pieces)))).decode()
        self._given = given or {}
        blocks = range(0, len(self.text), _BLOCK) if self.flat else ()
        self._before = [0, *accumulate(self.text.count(SEPARATOR, at, at + _BLOCK) for at in blocks)]
        self.lowest, self.highest = min((worst.trust, *self._given.values())), worst.confidentiality

    def holds(self, runs: Sequence[bytes], figure: bytes = b"") -> bool:
        """Whether a text of these runs can stand here; `figure` is the text itself if it is a number with a point."""
        return self.pieces.issuperset(runs) and (not figure or figure in self.figures)

    def fields(self, value: Any, form: str) -> Iterator[Found]:
        """The fields that are this value and nothing else; `form` is a way to write it, normalised."""
        if self.flat is None:
            return
        needle = f"{SEPARATOR}{form}{SEPARATOR}"
        seen: set[tuple[str, ...]] = set()
        start = self.text.find(needle)
        for _ in range(_TRIES):
            if start < 0:
                return
            path, leaf = self.flat.leaf(self._number(start))
            if path not in seen and same(value, leaf):
                seen.add(path)
                yield self._found(path, leaf, ".".join((self.source, *map(clean, path))))
            start = self.text.find(needle, start + len(needle) - 1)
        yield Found(self.source, self.lowest, self.highest)

    def passages(self, needle: str) -> Iterator[Found]:
        """Where a text stands between word boundaries; gives up after many near misses, which errs on asking."""
        start = self.text.find(needle)
        for _ in range(_TRIES):
            if start < 0:
                return
            end = start + len(needle)
            if stands_at(self.text, start, end):
                if self.flat is None:
                    yield Found(self.source, self.trust, self.secrecy)
                    return
                path, leaf = self.flat.leaf(self._number(start - 1))
                if isinstance(leaf, str):
                    found = self._found(path, leaf, self.source)
                    yield found
                    if found.trust == self.trust and found.secrecy == self.highest:
                        return  # no other place here could say more
            start = self.text.find(needle, start + 1)

    def behind(self, first: str, seconds: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Found]]:
        """Where one of `seconds`, given with their numbers, stands right behind `first`, or one joiner further on."""
        start = self.text.find(first)
        for _ in range(_TRIES):
            if start < 0:
                return
            end = start + len(first)
            gaps = (0, 1) if self.text[end : end + 1] in _JOINERS else (0,)
            for number, second in seconds:
                for gap in gaps:
                    if self.text.startswith(second, end + gap) and stands_at(self.text, start, end + gap + len(second)):
                        yield number, self._place(start)
            start = self.text.find(first, start + 1)

    def _place(self, start: int) -> Found:
        """The label of what stands at a place."""
        if self.flat is None:
            return Found(self.source, self.trust, self.secrecy)
        path, leaf = self.flat.leaf(self._number(start - 1))
        return self._found(path, leaf, self.source)

    def echoed(self, leaf: Any) -> Trust | None:
        """The trust of what the agent itself has put into the call that `leaf` came back from; None if it has not."""
        if not self._given:
            return None
        text = normalised(str(leaf))
        found = [
            trust for given, trust in self._given.items() if given == text or (len(given) >= SHORTEST and given in text)
        ]
        return min(found, default=None)

    def _number(self, start: int) -> int:
        """The number of the leaf that begins behind `start`, or goes on there."""
        block = start // _BLOCK
        return self._before[block] + self.text.count(SEPARATOR, block * _BLOCK, start + 1) - 1

    def _found(self, path: tuple[str, ...], leaf: Any, source: str) -> Found:
        trust = Trust.EXTERNAL if lies_under(path, self.marks.untrusted) else self.trust
        echoed = self.echoed(leaf)
        secrecy = Confidentiality.SECRET if lies_under(path, self.marks.secret) else self.secrecy
        return Found(source, trust if echoed is None else min(trust, echoed), secrecy)


def lies_under(path: tuple[str, ...], marked: Sequence[str]) -> bool:
    """Whether a path is one of those marked, or lies beneath one."""
    return any(path[: mark.count(".") + 1] == tuple(mark.split(".")) for mark in marked)


def clean(text: str) -> str:
    """`text` as one that every reader takes alike."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
