"""The shared notes of a run's goal, as whoever uses a handle reads and writes them, here or in a file taken along."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baton.core import Draft, InvalidValue, Label, Note, Notes, NotFound, RunId, Trust, random_id, standing
from baton.ledger import Ledger, Transaction, note_document, notes
from baton.ledger.note_document import Copy
from baton.review.record import time_json


class RunNotes:
    """The notes that a run, and all that works on its goal with it, shares with people."""

    def __init__(self, run: RunId, ledger: Ledger, by: str) -> None:
        self._run, self._ledger, self._by = run, ledger, by

    async def show(self, version: int | None = None) -> Notes:
        """What stands in them, or stood at a version.

        Raises:
            InvalidValue: if there is no such version.
        """
        return await self._ledger.read(lambda tx: notes.at_version(tx, self._run, version))

    async def history(self) -> list[Note]:
        """All that was ever written, oldest first."""
        return await self._ledger.read(lambda tx: notes.history(tx, self._run))

    async def add(self, text: str, *, by: str | None = None, trust: Trust = Trust.USER) -> Note:
        """Write an entry.

        Args:
            text: What it says.
            by: Who says it; None is the person at the keyboard.
            trust: How far it is trusted: as a person's word, or less where a program says it.

        Raises:
            InvalidValue: if it cannot be kept.
            Forgotten: if it was to be forgotten.
        """
        (made,) = await self._write([Draft(text=text)], by, trust, None)
        return made

    async def set(
        self, field: str, value: str, *, by: str | None = None, trust: Trust = Trust.USER, seen: int | None = None
    ) -> Note:
        """Give a field a value, in place of those that stand there.

        Args:
            field: Its name.
            value: Its value from now on.
            by: As for `add`.
            trust: As for `add`.
            seen: The version that whoever writes has seen: values that came later stand beside this one, as a conflict.
                None is the newest.

        Raises:
            InvalidValue: if it cannot be kept.
            Forgotten: if it was to be forgotten.
        """
        (made,) = await self._write([Draft(text=value, field=field)], by, trust, seen)
        return made

    async def pull(self, file: Path) -> Copy:
        """Write the notes into a file, to be read and written offline; what was written into it there stays in it.

        Raises:
            InvalidValue: if the file holds something else, or the notes of another run.
        """
        mine = await asyncio.to_thread(_read, file) if await asyncio.to_thread(file.exists) else None
        if mine is not None and mine.run != self._run:
            raise InvalidValue("file of notes", str(file), f"one of {self._run}; this is of {mine.run}")
        known, version = await self._ledger.read(self._whole)
        copy = Copy.made(self._run, version, notes.drafts_of(known), told_of(known))
        ids = {one.id for one in known}
        left = {id: draft for id, draft in (mine.added if mine else {}).items() if id not in ids}
        for id, draft in left.items():
            copy.add(id, draft)
        await asyncio.to_thread(file.write_bytes, copy.content)
        return copy

    async def push(self, file: Path, *, by: str | None = None, trust: Trust = Trust.USER) -> list[Note]:
        """Take in what was written into a file; what is there already is passed over.

        No byte of the file gets into the record: what it says is checked and written anew, as said by `by` now. The
        file is brought up to date.

        Returns:
            What was new.

        Raises:
            InvalidValue: if the file holds something else, or says what cannot be kept.
            Conflict: if it has changed what was written.
        """
        copy = await asyncio.to_thread(_read, file)
        if copy.run != self._run:
            raise InvalidValue("file of notes", str(file), f"one of {self._run}; this is of {copy.run}")
        made = await self._write(list(copy.added.values()), by, trust, None)
        await self.pull(file)
        return made

    async def _write(self, drafts: Sequence[Draft], by: str | None, trust: Trust, seen: int | None) -> list[Note]:
        label, who = Label(trust), by or self._by
        return await self._ledger.write(lambda tx: notes.write(tx, self._run, drafts, by=who, label=label, seen=seen))

    def _whole(self, tx: Transaction) -> tuple[list[Note], int]:
        return notes.history(tx, self._run), notes.at_version(tx, self._run).version


def open_copy(file: Path) -> Copy:
    """A file of notes.

    Raises:
        NotFound: if there is none.
        InvalidValue: if it holds something else.
    """
    return _read(file)


def write_offline(copy: Copy, draft: Draft, file: Path) -> str:
    """Write into a file of notes; the id of what was written.

    Raises:
        InvalidValue: if it cannot be kept.
    """
    stands = standing(copy.run, copy.version + 1, notes_of(copy)).fields.get(draft.field or "", ())
    replaces = tuple(one.id for one in stands) if draft.field is not None else None
    id = random_id("note")
    copy.add(id, Draft(id=id, field=draft.field, text=draft.text, replaces=replaces))
    file.write_bytes(copy.content)
    return id


def notes_of(copy: Copy) -> list[Note]:
    """What a file holds, as far as it knows; what was written into it since is of the version to come."""
    found = [_noted(id, draft, copy.told.get(id), copy.version + 1) for id, draft in copy.drafts.items()]
    return sorted(found, key=lambda one: (one.version, one.at, one.id))


def told_of(known: Sequence[Note]) -> dict[str, Any]:
    """What a file is told of each note beside its words."""
    return {
        one.id: {"by": one.by, "at": one.at, "trust": int(one.label.trust), "version": one.version, "run": one.run}
        for one in known
    }


def note_json(one: Note) -> dict[str, Any]:
    """A note."""
    return {
        "id": one.id,
        "field": one.field,
        "text": one.text,
        "by": one.by,
        "run": one.run,
        "at": time_json(one.at),
        "version": one.version,
        "trust": one.label.trust.name.lower(),
        "confidentiality": one.label.confidentiality.name.lower(),
        "replaces": list(one.replaces),
    }


def notes_json(found: Notes) -> dict[str, Any]:
    """What stands in notes."""
    return {
        "notes": found.id,
        "version": found.version,
        "fields": {name: [note_json(one) for one in values] for name, values in found.fields.items()},
        "disputed": list(found.disputed),
        "entries": [note_json(one) for one in found.entries],
    }


def _read(file: Path) -> Copy:
    if not file.is_file():
        raise NotFound("file of notes", str(file), hint="`baton notes pull RUN FILE` writes one.")
    return note_document.Copy(file.read_bytes())


def _noted(id: str, draft: Draft, told: Mapping[str, Any] | None, version: int) -> Note:
    known = told or {"by": "not yet pushed", "at": 0.0, "trust": int(Trust.USER), "version": version, "run": None}
    return Note(
        id=id,
        field=draft.field,
        text=draft.text,
        replaces=draft.replaces or (),
        by=str(known["by"]),
        run=known["run"],
        label=Label(Trust(known["trust"])),
        at=float(known["at"]),
        version=int(known["version"]),
    )
