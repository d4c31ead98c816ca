"""The keyword index: BM25 over stemmed words, in a file of its own that can be made again from the ledger."""

import re
import sqlite3
import threading
from collections.abc import Collection, Generator, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlite_utils

from baton.core import LedgerError

STOP_WORDS = frozenset(
    """a about all am an and any are as at be been but by can could did do does for from had has have he her him his
    how i if in into is it its just me my no not of on or our she should so some than that the their them then there
    these they this those to up us was we were what when where which who whom whose why will with would you your
    """.split()
)

_WORD = re.compile(r"[^\W_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_WORDS = 64
_SECONDS = 10.0
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One text to be found.

    Attributes:
        id: What a search returns.
        scope: Who may find it: a search names its scopes.
        text: The text.
        neighbour: What stands next to it, such as the turn before; counts half.
    """

    id: str
    scope: str
    text: str
    neighbour: str = ""


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
        with self._guarded(), ExitStack() as opened:
            connection = sqlite3.connect(path, timeout=_SECONDS, check_same_thread=False)
            opened.callback(connection.close)
            # sqlite-utils types its tables with bare dicts, which strict checking cannot follow.
            self._db: Any = sqlite_utils.Database(connection, execute_plugins=False)
            self._db.enable_wal()
            self._table: Any = self._db.table("entry")
            if self._db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                self._create()
            opened.pop_all()

    def add(self, entry: Entry) -> None:
        """Add an entry, or put it in place of the one with its id."""
        with self._guarded(), self._db.atomic():
            self._table.delete_where("id = ?", [_clean(entry.id)])
            self._table.insert(_row(entry))

    def remove(self, id: str) -> None:
        """Forget an entry; nothing happens if there is none."""
        with self._guarded():
            self._table.delete_where("id = ?", [_clean(id)])

    def search(self, query: str, scopes: Collection[str], k: int) -> list[tuple[str, float]]:
        """The entries that share words with `query`, best first.

        Args:
            query: Words in any form: nothing in it is taken for query syntax. Only the first 64 different words count.
            scopes: Where to look; nothing is found without any.
            k: At most so many.

        Returns:
            Ids with their BM25 score, which is above 0 and greater for a better match; equals in order of id.
        """
        words = _words(query)
        if not words or not scopes or k < 1:
            return []
        names = {f"scope{number}": _clean(scope) for number, scope in enumerate(sorted(scopes))}
        with self._guarded():
            rows = self._table.search(
                " OR ".join(f'"{word}"' for word in words),
                columns=["id"],
                where=f"scope in ({', '.join(f':{name}' for name in names)})",
                where_args=names,
                order_by="rank, original.id",
                limit=k,
                include_rank=True,
            )
            return [(row["id"], -row["rank"]) for row in rows]

    def rebuild(self, entries: Iterable[Entry]) -> None:
        """Put `entries` in place of everything; others see all of the change or none."""
        with self._guarded(), self._db.atomic():
            self._table.delete_where()
            self._table.insert_all(map(_row, entries))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __len__(self) -> int:
        with self._guarded():
            return int(self._table.count)

    @contextmanager
    def _guarded(self) -> Generator[None, None, None]:
        """One thread at a time, and SQLite's errors as ours."""
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            raise LedgerError(str(self._path), str(error), "It is derived: delete it and rebuild the index.") from error

    def _create(self) -> None:
        """Make the tables; what is left of an earlier attempt goes first, as sqlite-utils commits in between."""
        self._table.disable_fts()
        self._table.drop(ignore=True)
        columns = {"number": int, "id": str, "scope": str, "text": str, "neighbour": str}
        self._table.create(columns, pk="number", not_null=columns)
        self._table.create_index(["id"], unique=True)
        self._table.create_index(["scope"])
        self._table.enable_fts(["text", "neighbour"], tokenize="porter", create_triggers=True)
        with self._db.atomic():
            self._db.execute("INSERT INTO entry_fts(entry_fts, rank) VALUES ('rank', 'bm25(2.0, 1.0)')")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")


def _row(entry: Entry) -> dict[str, str]:
    return {name: _clean(value) for name, value in asdict(entry).items()}


def _words(query: str) -> list[str]:
    """The words worth looking for; if all are common, they have to do."""
    words = list(dict.fromkeys(_WORD.findall(query.lower())))
    return ([word for word in words if word not in STOP_WORDS] or words)[:_MOST_WORDS]


def _clean(text: str) -> str:
    """SQLite stores UTF-8, which has no lone surrogates, and ends a text at NUL when it is shown."""
    return _SURROGATE.sub("\ufffd", text).replace("\0", " ")
