"""The keyword index: BM25 over stemmed words, in a file of its own that can be made again from the ledger."""

import hashlib
import math
import re
import sqlite3
import threading
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from baton.core import LedgerError
from baton.memory.ranking import Hit, telling, words_of

Mark = tuple[int, int]
"""How far the index has followed the ledger."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_SECONDS = 10.0
_VERSION = 4
_WEIGHTS = "2.0, 1.0, 0.75, 0.45, 0.0"  # of subject, text, neighbour, farther, place
_IN_TEXTS = "{subject text neighbour farther}"
_FEW = 100
_PIECES = (
    "DROP TABLE IF EXISTS entry_fts",
    "DROP TABLE IF EXISTS entry",
    "DROP TABLE IF EXISTS state",
    "CREATE TABLE state (name TEXT PRIMARY KEY, first INTEGER NOT NULL, second INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE entry (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, place TEXT NOT NULL,
       subject TEXT NOT NULL, text TEXT NOT NULL, neighbour TEXT NOT NULL, farther TEXT NOT NULL, asks INTEGER NOT NULL,
       answers INTEGER NOT NULL, begins REAL, ends REAL, expires REAL)""",
    "CREATE INDEX entry_place ON entry (place)",
    "CREATE INDEX entry_begins ON entry (begins)",
    "CREATE INDEX entry_ends ON entry (ends) WHERE ends IS NOT NULL",
    "CREATE INDEX entry_expires ON entry (expires) WHERE expires IS NOT NULL",
    """CREATE VIRTUAL TABLE entry_fts USING fts5
       (subject, text, neighbour, farther, place, content='entry', content_rowid='number', tokenize='porter')""",
    """CREATE TRIGGER entry_in AFTER INSERT ON entry BEGIN INSERT INTO entry_fts
       (rowid, subject, text, neighbour, farther, place)
       VALUES (new.number, new.subject, new.text, new.neighbour, new.farther, new.place); END""",
    """CREATE TRIGGER entry_out AFTER DELETE ON entry BEGIN INSERT INTO entry_fts
       (entry_fts, rowid, subject, text, neighbour, farther, place)
       VALUES ('delete', old.number, old.subject, old.text, old.neighbour, old.farther, old.place); END""",
    f"INSERT INTO entry_fts(entry_fts, rank) VALUES ('rank', 'bm25({_WEIGHTS})')",
    f"PRAGMA user_version = {_VERSION}",
)
_ADD = (
    "INSERT INTO entry (id, place, subject, text, neighbour, farther, asks, answers, begins, ends, expires)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIND = """SELECT e.id, -f.rank, e.subject, e.text, e.asks, e.answers
    FROM entry_fts f CROSS JOIN entry e ON e.number = f.rowid
    WHERE entry_fts MATCH :match {place} AND (e.begins IS NULL OR e.begins <= :at) AND (e.ends IS NULL OR e.ends > :at)
    AND (e.expires IS NULL OR e.expires > :now) ORDER BY f.rank LIMIT :limit"""
_NEXT = """SELECT (SELECT min(begins) FROM entry WHERE begins > :at), (SELECT min(ends) FROM entry WHERE ends > :at),
    (SELECT min(expires) FROM entry WHERE expires > :now)"""
_KEPT = 64
"""Searches whose hits are kept: a run asks the same in each of its turns."""


@dataclass(frozen=True)
class _Found:
    """What a search has found, and for how long it would find the same.

    Attributes:
        version: Of the file; another one may have other entries.
        at: The time it was asked about, and up to which it stays so.
        now: The time it was asked at, and up to which it stays so.
    """

    version: tuple[int, int]
    at: tuple[float, float]
    now: tuple[float, float]
    hits: Sequence[Hit]

    def holds(self, version: tuple[int, int], at: float, now: float) -> bool:
        """Whether the same would be found in this version, about this time, now."""
        return version == self.version and self.at[0] <= at < self.at[1] and self.now[0] <= now < self.now[1]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One text to be found.

    Attributes:
        id: What a search returns.
        scope: Who may find it: a search names its scopes.
        text: The text.
        tenant: Whose it is.
        subject: What it is about, or who said it; counts double.
        neighbour: What stands next to it, such as the turns before and after it; counts 0.75.
        farther: What stands next but one; counts 0.45.
        asks: Whether it is a question.
        answers: Whether it follows one.
        begins: Since when it is true, in seconds since 1970; None if nobody knows.
        ends: Until when; None while there is no end in sight.
        expires: When it is no longer told; None is never.
    """

    id: str
    scope: str
    text: str
    tenant: str = "local"
    subject: str = ""
    neighbour: str = ""
    farther: str = ""
    asks: bool = False
    answers: bool = False
    begins: float | None = None
    ends: float | None = None
    expires: float | None = None


class KeywordIndex:
    """Finds entries by their words. Safe to use from several threads, and for several processes on one file.

    Args:
        path: The file; made if it is not there.

    Raises:
        LedgerError: if the file is something else or broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._frequencies: dict[str, int] = {}
        self._places: dict[tuple[str, ...], int] = {}
        self._found: dict[tuple[str, tuple[str, ...], int], _Found] = {}
        self._changes = 0
        with self._guarded(), ExitStack() as opened:
            self._db = sqlite3.connect(path, timeout=_SECONDS, check_same_thread=False, isolation_level=None)
            opened.callback(self._db.close)
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
                self._db.execute(f"PRAGMA {pragma}")
            with self._changing():
                if self._db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                    self._create()
            self._count_anew()
            opened.pop_all()

    def mark(self, origin: int) -> Mark | None:
        """How far it has followed the ledger of this origin; None where it has to begin, and forgets all others."""
        with self._guarded(), self._changing():
            if self._state("origin") != (origin, 0):
                self._create()
                self._db.execute("INSERT INTO state VALUES ('origin', ?, 0)", (origin,))
            return self._state("mark")

    def apply(self, entries: Iterable[Entry], gone: Iterable[str], *, seen: Mark | None, now: Mark) -> bool:
        """Follow the ledger from `seen` to `now`: have these entries, and not those with the ids in `gone`.

        Returns:
            Whether that was done: not if somebody else has taken it from `seen` to another place.
        """
        with self._guarded(), self._changing():
            if self._state("mark") != seen:
                return False
            self._put(entries, gone)
            self._db.execute("INSERT OR REPLACE INTO state VALUES ('mark', ?, ?)", now)
            return True

    def put(self, entries: Iterable[Entry], gone: Iterable[str] = ()) -> None:
        """Have these entries, in place of those with their ids, and not those with the ids in `gone`."""
        with self._guarded(), self._changing():
            self._put(entries, gone)

    def clear(self) -> None:
        """Forget everything, and begin again with the ledger."""
        with self._guarded(), self._changing():
            self._create()

    def search(
        self, query: str, places: Collection[tuple[str, str]], k: int, *, at: float = 0.0, now: float = 0.0
    ) -> list[Hit]:
        """The entries that share words with `query`, best first by BM25.

        Args:
            query: Words in any form: nothing in it is taken for query syntax. Only the first 64 different words count.
            places: Tenants and scopes to look in; nothing is found without any.
            k: At most so many.
            at: When they have to be true, in seconds since 1970.
            now: The time; what has expired by then is not found.

        Returns:
            What was found; equals in order of id.
        """
        words = words_of(query)
        names = sorted({place_of(*place) for place in places})
        if not words or not names or k < 1:
            return []
        asked = (query, tuple(names), k)
        with self._guarded():
            version = self._version()
            known = self._found.pop(asked, None)
            if known is None or not known.holds(version, at, now):
                begins, ends, expires = self._db.execute(_NEXT, {"at": at, "now": now}).fetchone()
                changes = min((time for time in (begins, ends) if time is not None), default=math.inf)
                hits = self._searched(words, names, k, at=at, now=now)
                known = _Found(version, (at, changes), (now, math.inf if expires is None else expires), hits)
            self._found[asked] = known  # the newest last
            if len(self._found) > _KEPT:
                del self._found[next(iter(self._found))]
        return list(known.hits)

    def _searched(self, words: Sequence[str], names: Sequence[str], k: int, *, at: float, now: float) -> list[Hit]:
        inside, rows = self._counted(names)
        frequency = {word: self._frequency(word) for word in words}
        wanted = " OR ".join(f'"{word}"' for word in telling(frequency, inside / rows if rows else 1.0))
        match, filtered = f"{_IN_TEXTS} : ({wanted})", f"AND e.place IN ({_places(names)})"
        if inside < rows // 4:  # else reading the best first, and passing over a few, costs less
            either = " OR ".join(f'"{name}"' for name in names)
            match, filtered = f"(place : ({either})) AND ({match})", ""
        found = self._db.execute(
            _FIND.format(place=filtered),
            {"match": match, "at": at, "now": now, "limit": k, **{f"p{n}": name for n, name in enumerate(names)}},
        ).fetchall()
        hits = [Hit(id, score, of, text, bool(asks), bool(after)) for id, score, of, text, asks, after in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def _version(self) -> tuple[int, int]:
        """What differs once anybody has changed the file."""
        return self._db.execute("PRAGMA data_version").fetchone()[0], self._db.total_changes

    def ids(self) -> set[str]:
        """All that can be found."""
        with self._guarded():
            return {id for (id,) in self._db.execute("SELECT id FROM entry")}

    def scrub(self) -> None:
        """Leave nothing of removed entries in the file."""
        with self._guarded():
            self._db.execute("INSERT INTO entry_fts(entry_fts) VALUES ('optimize')")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __len__(self) -> int:
        with self._guarded():
            count: int = self._db.execute("SELECT count(*) FROM entry").fetchone()[0]
            return count

    def _put(self, entries: Iterable[Entry], gone: Iterable[str]) -> None:
        made = [_row(entry) for entry in entries]
        self._db.executemany("DELETE FROM entry WHERE id = ?", [(_clean(id),) for id in gone])
        self._db.executemany("DELETE FROM entry WHERE id = ?", [(row[0],) for row in made])
        self._db.executemany(_ADD, made)
        self._changes += len(made)
        if self._changes > max(_FEW, self._rows // 20):
            self._count_anew()

    def _create(self) -> None:
        for piece in _PIECES:
            self._db.execute(piece)

    def _state(self, name: str) -> Mark | None:
        found: Mark | None = self._db.execute("SELECT first, second FROM state WHERE name = ?", (name,)).fetchone()
        return found

    def _counted(self, names: Sequence[str]) -> tuple[int, int]:
        """How many entries these places hold, and all of them, roughly; kept until much has changed."""
        key = tuple(names)
        if key not in self._places:
            places = dict(enumerate(names))
            asked = f"SELECT count(*) FROM entry WHERE place IN ({_places(names)})"
            self._places[key] = self._db.execute(asked, {f"p{n}": name for n, name in places.items()}).fetchone()[0]
        return self._places[key], self._rows

    def _frequency(self, word: str) -> int:
        """Entries that a word is in, roughly."""
        if word not in self._frequencies:
            asked = "SELECT count(*) FROM entry_fts WHERE entry_fts MATCH ?"
            self._frequencies[word] = self._db.execute(asked, (f'{_IN_TEXTS} : "{word}"',)).fetchone()[0]
        return self._frequencies[word]

    def _count_anew(self) -> None:
        self._frequencies.clear()
        self._places.clear()
        self._changes = 0
        self._rows: int = self._db.execute("SELECT count(*) FROM entry").fetchone()[0]

    @contextmanager
    def _changing(self) -> Generator[None]:
        """A transaction: others see all of it or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _guarded(self) -> Generator[None]:
        """One thread at a time, and SQLite's errors as ours."""
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            hint = "It is derived: delete it, and it is made again."
            raise LedgerError(str(self._path), str(error), hint) from error


def _places(names: Sequence[str]) -> str:
    return ", ".join(f":p{number}" for number in range(len(names)))


def place_of(tenant: str, scope: str) -> str:
    """One word for a tenant's scope."""
    return "p" + hashlib.blake2b(f"{_clean(tenant)}\0{_clean(scope)}".encode(), digest_size=8).hexdigest()


def _row(entry: Entry) -> tuple[object, ...]:
    texts = (entry.subject, entry.text, entry.neighbour, entry.farther)
    times = (entry.begins, entry.ends, entry.expires)
    place = place_of(entry.tenant, entry.scope)
    return (_clean(entry.id), place, *map(_clean, texts), int(entry.asks), int(entry.answers), *times)


def _clean(text: str) -> str:
    """SQLite stores UTF-8, which has no lone surrogates, and ends a text at NUL when it is shown."""
    return _SURROGATE.sub("\ufffd", text).replace("\0", " ")
