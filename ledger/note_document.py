"""Notes as a document that converges: a map of what was written, by its id, of which nothing is ever changed.

The document is one of Yjs (pycrdt): copies that have got the same updates, in whatever order and however often, hold
the same. It is loaded where it is used, as not every run has notes.
"""

import importlib
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from baton.core import Draft, InvalidValue, dump

_NOTES, _ABOUT = "notes", "about"
_OFFLINE = 2**40
"""From where on those who write into a copy are numbered; below are the versions of the record."""


def update_of(drafts: Mapping[str, Draft], writer: int) -> bytes:
    """The update that adds what was written, by its id.

    Args:
        drafts: Each with what it replaces; at least one.
        writer: A number under which nothing else is ever written into this document.
    """
    doc = _made(writer)
    held = _map(doc, _NOTES)
    with doc.transaction():
        for id, draft in drafts.items():
            held[id] = dump({"field": draft.field, "text": draft.text, "replaces": list(draft.replaces or ())})
    made: bytes = doc.get_update()
    return made


def joined(updates: Iterable[bytes]) -> bytes:
    """Updates as one.

    Raises:
        InvalidValue: if one of them is none.
    """
    made: bytes = _opened(updates).get_update()
    return made


def read(updates: Iterable[bytes]) -> dict[str, Draft]:
    """All that updates hold, by its id.

    Raises:
        InvalidValue: if one of them is none, or holds what is no note.
    """
    held: dict[str, Any] = _map(_opened(updates), _NOTES).to_py() or {}
    return {id: _draft(id, said) for id, said in held.items()}


class Copy:
    """The notes of a goal in a file: to be read and written offline, and brought together with others later.

    Attributes:
        run: The run that they were taken from.
        version: That they were at then.
        told: What was known then of each note, by its id: who wrote it, when, how far it is trusted.
    """

    def __init__(self, content: bytes) -> None:
        """Read a copy.

        Raises:
            InvalidValue: if it is none.
        """
        self._doc = _opened([content])
        about: dict[str, Any] = _map(self._doc, _ABOUT).to_py() or {}
        if not isinstance(about.get("run"), str):
            raise InvalidValue("file of notes", about, "one that `baton notes pull` wrote")
        self.run: str = about["run"]
        self.version = int(about.get("version", 0))
        self.told: dict[str, dict[str, Any]] = json.loads(about.get("told", "{}"))
        self.drafts = read([content])

    @classmethod
    def made(cls, run: str, version: int, drafts: Mapping[str, Draft], told: Mapping[str, Any]) -> "Copy":
        """A copy of what was written so far."""
        doc = _made(_writer())
        about = _map(doc, _ABOUT)
        with doc.transaction():
            about["run"], about["version"], about["told"] = run, version, dump(dict(told))
        updates = [doc.get_update()] + ([update_of(drafts, _writer())] if drafts else [])
        return cls(joined(updates))

    @property
    def content(self) -> bytes:
        """As a file holds it."""
        made: bytes = self._doc.get_update()
        return made

    @property
    def added(self) -> dict[str, Draft]:
        """What was written into it that the record has not got, as far as the copy knows."""
        return {id: draft for id, draft in self.drafts.items() if id not in self.told}

    def add(self, id: str, draft: Draft) -> None:
        """Write into the copy.

        Raises:
            InvalidValue: if it cannot be kept.
        """
        draft.check()
        self._take(update_of({id: draft}, _writer()))

    def merge_copy(self, other: "Copy") -> None:
        """Take in what another copy of the same run's notes holds; what it was told of the record it keeps to itself.

        Raises:
            InvalidValue: if it is of another run, or has changed what was written.
        """
        if other.run != self.run:
            raise InvalidValue("file of notes", other.run, f"one of {self.run}")
        changed = [id for id, draft in self.drafts.items() if other.drafts.get(id, draft) != draft]
        if changed:
            raise InvalidValue("file of notes", ", ".join(changed)[:200], "one in which nothing was changed")
        fresh = {id: draft for id, draft in other.drafts.items() if id not in self.drafts}
        if fresh:
            self._take(update_of(fresh, _writer()))

    def _take(self, content: bytes) -> None:
        self._doc = _opened([self.content, content])
        self.drafts = read([self.content])


def _writer() -> int:
    """A number under which nobody else writes."""
    return _OFFLINE + secrets.randbelow(2**52 - _OFFLINE)


def _made(writer: int) -> Any:
    return importlib.import_module("pycrdt").Doc(client_id=writer, allow_multithreading=True)


def _map(doc: Any, name: str) -> Any:
    return doc.get(name, type=importlib.import_module("pycrdt").Map)


def _opened(updates: Iterable[bytes]) -> Any:
    doc = _made(_writer())
    for update in updates:
        try:
            doc.apply_update(update)
        except ValueError as error:
            raise InvalidValue("notes", update[:20], f"a document of notes ({error})") from error
    return doc


def _draft(id: str, said: Any) -> Draft:
    """One note of a document.

    Raises:
        InvalidValue: if it is none.
    """
    try:
        told = json.loads(said)
        field, text = told["field"], str(told["text"])
        replaces = tuple(str(one) for one in told["replaces"])
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidValue(f"note {id}", str(said)[:80], "one that Baton has written") from error
    return Draft(id=id, field=None if field is None else str(field), text=text, replaces=replaces)
