"""A process's own account of a stretch of the record: folded once, and then kept up with what is new.

It says nothing that the record does not: any process makes the same of it, and may lose its own at any time.
"""

import threading
from bisect import bisect_left
from typing import Any

from baton.flow.lives import Lives
from baton.ledger import Transaction, history
from baton.ledger.events import Mark

AT_ONCE = 50_000
"""Events that are read at a time."""


class Log:
    """The lives of the runs that were open at a time or came later, and the traffic since then.

    Attributes:
        since: The time, in seconds since 1970.
    """

    def __init__(self, since: float) -> None:
        self.since = since
        self.lives = Lives()
        self._mark: Mark | None = None
        self._lock = threading.Lock()

    def catch_up(self, tx: Transaction, most: int | None = None) -> int:
        """Take in what has happened since the last look, or the next `most` of it; how many events."""
        with self._lock:
            if self._mark is None:
                self._mark = history.mark_before(tx, self.since)
                before = history.open_before(tx, self.since)
                self._take(tx, history.of_runs(tx, before, self._mark))
            taken = 0
            each = AT_ONCE if most is None else most
            while rows := history.since(tx, self._mark, each):
                self._take(tx, rows)
                self._mark = (rows[-1][0], rows[-1][1])
                taken += len(rows)
                if most is not None or len(rows) < each:
                    break
            return taken

    def forget(self, before: float, ended: float) -> None:
        """Let go of the traffic before a time, and of runs that had ended by another one: what they did is kept."""
        with self._lock:
            ticks = ended * 2**20
            gone = [id for id, life in self.lives.lives.items() if life.ended and life.at < ticks]
            for id in gone:
                del self.lives.lives[id]
            for rows in self.lives.traffic.streams:
                rows.drop(bisect_left(rows, before, key=_at))
            self.since = max(self.since, before)

    def _take(self, tx: Transaction, rows: history.Rows) -> None:
        new = [row[2] for row in rows if row[3] == "run.submitted"]
        found = history.origins(tx, new)
        self.lives.take(rows, {id: (one.tenant, one.requester) for id, one in found.items()})


def _at(row: Any) -> float:
    at: float = row.at
    return at
