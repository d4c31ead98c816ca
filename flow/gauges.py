"""The figures that rules of alerts may be about: how the work stands, in one number each."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from baton.flow.traffic import Traffic
from baton.ledger import Transaction
from baton.ledger.standing import present

GAUGES: Mapping[str, str] = {
    "runs_open": "runs that have not ended",
    "runs_ready": "runs that have something to do, or are at it",
    "runs_dead": "runs in trouble, which only a person lets go on",
    "oldest_ready": "seconds since anything has happened in the run that has been ready for longest",
    "questions_open": "questions to people that are open",
    "questions_late": "of them, those that should have been answered",
    "notices_dead": "notices that were given up",
    "runs_begun": "runs that were submitted in the last hour",
    "runs_ended": "runs that ended in the last hour",
    "questions_asked": "questions that were asked in the last hour",
    "questions_closed": "questions that were closed in the last hour",
    "run_seconds": "seconds within which nine in ten runs ended, of those of the last hour; 0 of none",
    "wait_for_worker": "seconds that nine in ten runs waited for a worker at most, in the last hour; 0 of none",
    "model_seconds": "seconds that nine in ten answers of models took at most, in the last hour; 0 of none",
}
"""Each figure by its name, and what it is."""

_HOUR = 3600.0


class LastHour:
    """What came in the last hour: of each thing when, and how many seconds it took."""

    def __init__(self) -> None:
        self.begun, self.asked, self.closed = _Numbers(), _Numbers(), _Numbers()
        self.ended, self.worked, self.called = _Numbers(), _Numbers(), _Numbers()

    def take(self, new: Traffic, now: float) -> None:
        """Take in what is new, and let go of what is older than an hour."""
        since = now - _HOUR
        self.begun.take(((row.at, 0.0) for row in new.submitted), since)
        self.asked.take(((row.at, 0.0) for row in new.asked), since)
        self.closed.take(((row.at, 0.0) for row in new.closed), since)
        self.ended.take(((row.at, row.seconds) for row in new.ended), since)
        self.worked.take(((row.at, row.seconds) for row in new.worked), since)
        self.called.take(((row.at, row.seconds) for row in new.called), since)


def read_gauges(tx: Transaction, lately: LastHour) -> dict[str, float]:
    """All of them, as they are now."""
    stands = present(tx)
    return {
        "runs_open": float(stands.runs.get("ready", 0) + stands.runs.get("waiting", 0)),
        "runs_ready": float(stands.runs.get("ready", 0)),
        "runs_dead": float(stands.dead),
        "oldest_ready": stands.oldest_ready,
        "questions_open": float(stands.open_reviews),
        "questions_late": float(stands.overdue_reviews),
        "notices_dead": float(stands.dead_notices),
        "runs_begun": float(lately.begun.count),
        "runs_ended": float(lately.ended.count),
        "questions_asked": float(lately.asked.count),
        "questions_closed": float(lately.closed.count),
        "run_seconds": lately.ended.most,
        "wait_for_worker": lately.worked.most,
        "model_seconds": lately.called.most,
    }


class _Numbers:
    """When something happened, in order, and how long it took."""

    def __init__(self) -> None:
        self._at, self._seconds = array("d"), array("d")

    def take(self, rows: Iterable[tuple[float, float]], since: float) -> None:
        for at, seconds in rows:
            if at >= since:
                self._at.append(at)
                self._seconds.append(seconds)
        old = bisect_left(self._at, since)
        del self._at[:old], self._seconds[:old]

    @property
    def count(self) -> int:
        return len(self._at)

    @property
    def most(self) -> float:
        """Seconds that nine in ten took at most; 0 of none."""
        ordered = sorted(self._seconds)
        return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))] if ordered else 0.0
