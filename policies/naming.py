"""Which records the user has named: what stands in them, the user has spoken of.

A tool may say by which fields people call its records: files by their name, events by their title. A record of a
verified result whose name stands in the user's own words is one the user means, and the values in it, such as its id,
are vouched for. Where several records read have that name, only what all of them hold is: somebody who makes a second
one of the same name gains nothing.
"""

import re
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any, cast

from baton.core import Trust
from baton.policies.page import Page, lies_under
from baton.policies.texts import normalised, whole

_SHORTEST = 4
_MOST_WORDS = 12
_ENDING = re.compile(r"\.[a-z0-9]{1,5}$")
_WORDS = re.compile(r"[^\W_]+")


class Named:
    """The records that the user has named, of all that was read; grows page by page."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._records: dict[str, list[tuple[Page, tuple[str, ...], Any]]] = {}
        self._held: dict[str, frozenset[str]] = {}

    def add(self, page: Page) -> None:
        """Take in a reading: words of the user, or records."""
        if page.flat is None and page.trust >= Trust.USER:
            self._hear(page.text)
        elif page.marks.named_by and page.trust >= Trust.VERIFIED_TOOL:
            for mark in page.marks.named_by:
                self._file(page, tuple(mark.split(".")))

    def vouches(self, value: Any) -> bool:
        """Whether `value` is a whole field, not of strangers' words, of a record that the user has named."""
        if not self._held or isinstance(value, bool):
            return False
        forms = whole(value)
        return any(held.intersection(forms) for held in self._held.values())

    def _hear(self, text: str) -> None:
        words = _WORDS.findall(text)
        for length in range(1, _MOST_WORDS + 1):
            self._said.update(" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
        for name in self._records.keys() & self._said:
            self._hold(name)

    def _file(self, page: Page, path: tuple[str, ...]) -> None:
        touched: set[str] = set()
        for record in _at(page.content, path[:-1]):
            name = record.get(path[-1])
            for called in _names(name) if isinstance(name, str) else ():
                self._records.setdefault(called, []).append((page, path[:-1], record))
                touched.add(called)
        for name in touched & self._said:
            self._hold(name)

    def _hold(self, name: str) -> None:
        each = (frozenset(_held(page, path, record)) for page, path, record in self._records[name])
        self._held[name] = reduce(frozenset[str].__and__, each)


def _at(content: Any, path: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """The objects at a path."""
    if isinstance(content, list | tuple):
        for part in cast(list[Any], content):
            yield from _at(part, path)
    elif isinstance(content, dict):
        fields = cast(dict[str, Any], content)
        if path:
            yield from _at(fields.get(path[0]), path[1:])
        else:
            yield fields


def _names(name: str) -> list[str]:
    """What a record of this name may be called: by its words, with a file's ending or without."""
    text = normalised(name)
    called = {" ".join(_WORDS.findall(form)) for form in (text, _ENDING.sub("", text))}
    return [words for words in called if len(words) >= _SHORTEST and not words.replace(" ", "").isdigit()]


def _held(page: Page, path: tuple[str, ...], record: Any) -> Iterator[str]:
    """The values in a record, as whole fields are written, but for strangers' words and what the agent has put in."""
    left: list[tuple[tuple[str, ...], Any]] = [(path, record)]
    while left:
        at, value = left.pop()
        if lies_under(at, page.marks.untrusted):
            continue
        if isinstance(value, dict):
            left.extend(((*at, key), part) for key, part in cast(dict[str, Any], value).items())
        elif isinstance(value, list | tuple):
            left.extend((at, part) for part in cast(list[Any], value))
        elif not isinstance(value, bool) and page.echoed(value) is None:
            yield from whole(value)
