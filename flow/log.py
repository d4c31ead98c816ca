"""A process's own account of a stretch of the record: folded once, and then kept up with what is new.

It says nothing that the record does not: any process makes the same of it, and may lose its own at any time.
"""

import threading
from bisect import bisect_left, bisect_right
from typing import Any

from baton.flow.lives import Lives
from baton.flow.spent import Busy, busy
from baton.flow.traffic import Called, Claimed, Traffic, Used
from baton.ledger import Transaction, history
from baton.ledger.events import Mark

AT_ONCE = 2_000
"""Events that are folded at a time, so that the agents are not held up."""


class Log:
    """The lives of runs that are open or have ended just now, and of the traffic since a time what is asked for again.

    Attributes:
        since: The time, in seconds since 1970.
        claimed: What people had to themselves since then.
        called: Answers of models whose agents' limits have not followed them yet.
        used: The same of tools.
    """

    def __init__(self, since: float) -> None:
        self.since = since
        self.lives = Lives()
        self.claimed: list[Claimed] = []
        self.called: list[Called] = []
        self.used: list[Used] = []
        self._mark: Mark | None = None
        self._lock = threading.Lock()

    def catch_up(self, tx: Transaction) -> bool:
        """Take in the next events; whether there may be more."""
        with self._lock:
            if self._mark is None:
                self._mark = history.mark_before(tx, self.since)
                before = history.open_before(tx, self.since)
                self._take(tx, history.of_runs(tx, before, self._mark))
            rows = history.since(tx, self._mark, AT_ONCE)
            if rows:
                self._take(tx, rows)
                self._mark = (rows[-1][0], rows[-1][1])
            return len(rows) >= AT_ONCE

    def news(self) -> Traffic:
        """The traffic that has come since the last time."""
        with self._lock:
            new = self.lives.hand_over()
            self.claimed += new.claimed
            self.called += new.called
            self.used += new.used
            return new

    def busy(self) -> Busy:
        """When people had questions to themselves."""
        with self._lock:
            open_ = [life for life in self.lives.lives.values() if not life.ended]
            return busy([*self.claimed, *self.lives.traffic.claimed], open_)

    def forget(self, before: float, calls: float) -> None:
        """Let go of runs that have ended, of what people had before a time, and of calls until another one."""
        with self._lock:
            for id in [id for id, life in self.lives.lives.items() if life.ended]:
                del self.lives.lives[id]
            del self.claimed[: bisect_left(self.claimed, before, key=_at)]
            del self.called[: bisect_right(self.called, calls, key=_at)]
            del self.used[: bisect_right(self.used, calls, key=_at)]
            self.since = max(self.since, before)

    def _take(self, tx: Transaction, rows: history.Rows) -> None:
        new = [row[2] for row in rows if row[3] == "run.submitted"]
        found = history.origins(tx, new)
        self.lives.take(rows, {id: (one.tenant, one.requester) for id, one in found.items()})


def _at(row: Any) -> float:
    at: float = row.at
    return at
