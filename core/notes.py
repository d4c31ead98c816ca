"""Shared notes: what agents and people write down for one goal, and what of it stands. No I/O.

Nothing that is written is ever changed: a field gets another value, which says what values it replaces. Values that
none of the later ones replaces stand beside each other, as a conflict, until somebody who is trusted enough replaces
them all. So the order in which copies learn of what was written makes no difference.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from baton.core.errors import InvalidValue
from baton.core.labels import Label
from baton.core.texts import one_line

LONGEST_NOTE = 20_000
"""Characters of one entry, or of one value."""

MOST_NOTES = 5000
"""Entries and values that the notes of one goal may hold."""

_UNSAFE = re.compile("[\0\ud800-\udfff]")
_FIELD = re.compile(r"[^\W\d][\w.-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Something to be written into the notes.

    Attributes:
        text: The entry, or the value.
        field: Whose value it is; None for an entry.
        replaces: Ids of the values that it is written in place of; None is all that whoever writes has seen.
        id: Its own, where it has one already, as what was written offline has; None makes one.
    """

    text: str
    field: str | None = None
    replaces: tuple[str, ...] | None = None
    id: str | None = None

    def check(self) -> None:
        """Raise unless it can be kept.

        Raises:
            InvalidValue: for a field with a strange name, a text that is empty, too long or has a NUL, an entry that
                replaces something.
        """
        if self.field is not None and not _FIELD.fullmatch(self.field):
            raise InvalidValue("field", self.field, "a letter, then letters, digits, _ . or -, 64 at most")
        if not self.text.strip() or len(self.text) > LONGEST_NOTE or _UNSAFE.search(self.text):
            allowed = f"1 to {LONGEST_NOTE} characters, none of them NUL or half of one"
            raise InvalidValue("note", one_line(self.text, 40), allowed)
        if self.field is None and self.replaces:
            raise InvalidValue("replaces", ", ".join(self.replaces), "nothing for an entry: only fields have values")


@dataclass(frozen=True, kw_only=True)
class Note:
    """An entry of the notes, or a value of one of their fields.

    Attributes:
        field: Whose value it is; None for an entry.
        replaces: Ids of the values that it was written in place of.
        by: The person or agent that wrote it.
        run: The run of the agent; None where a person wrote it.
        at: Seconds since 1970.
        version: The version of the notes that it came with, from 1.
    """

    id: str
    field: str | None
    text: str
    replaces: tuple[str, ...]
    by: str
    run: str | None
    label: Label
    at: float
    version: int


@dataclass(frozen=True, kw_only=True)
class Notes:
    """The notes of one goal, as they stand at one version.

    Attributes:
        id: Which notes these are.
        version: How often something was written; 0 is never.
        fields: By name, the values that stand: one, or several that are in conflict, oldest first.
        entries: Oldest first.
    """

    id: str
    version: int
    fields: Mapping[str, tuple[Note, ...]] = field(default_factory=dict[str, tuple[Note, ...]])
    entries: tuple[Note, ...] = ()

    @property
    def disputed(self) -> tuple[str, ...]:
        """The fields whose values are in conflict."""
        return tuple(name for name, values in self.fields.items() if len(values) > 1)

    @property
    def shown(self) -> tuple[Note, ...]:
        """All that stands."""
        return (*(value for values in self.fields.values() for value in values), *self.entries)


def standing(id: str, version: int, notes: Sequence[Note]) -> Notes:
    """What stands of all that was written up to and with a version.

    Args:
        id: Of the notes.
        version: That counts; what came later is left out.
        notes: All that was ever written, in the order in which it was.
    """
    known = [one for one in notes if one.version <= version]
    names = dict.fromkeys(one.field for one in known if one.field is not None)
    fields = {name: heads([one for one in known if one.field == name]) for name in sorted(names)}
    return Notes(id=id, version=version, fields=fields, entries=tuple(one for one in known if one.field is None))


def heads(values: Sequence[Note]) -> tuple[Note, ...]:
    """The values of a field that none of the others replaces. What is trusted less replaces nothing."""
    trusted = {one.id: one.label.trust for one in values}
    gone = {old for one in values for old in one.replaces if old in trusted and one.label.trust >= trusted[old]}
    return tuple(one for one in values if one.id not in gone)


def in_order(drafts: Iterable[Draft], known: Iterable[str]) -> list[Draft]:
    """What was written elsewhere, so that each comes behind what it replaces.

    Raises:
        InvalidValue: if one replaces what is not there.
    """
    left, there, found = list(drafts), set(known), list[Draft]()
    while left:
        ready = [one for one in left if there.issuperset(one.replaces or ())]
        if not ready:
            missing = sorted({old for one in left for old in one.replaces or ()} - there)
            raise InvalidValue("replaces", ", ".join(missing)[:200], "values that stand in the notes")
        found += ready
        there.update(one.id for one in ready if one.id is not None)
        left = [one for one in left if one not in ready]
    return found
