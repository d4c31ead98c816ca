"""The figures that rules of alerts may be about: how the work stands, in one number each."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from baton.flow.lives import Lives
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


def read_gauges(tx: Transaction, lives: Lives) -> dict[str, float]:
    """All of them, as they are now."""
    stands, now = present(tx), tx.now
    traffic, since = lives.traffic, now - _HOUR
    ended = [row.seconds for row in _lately(traffic.ended, since)]
    return {
        "runs_open": float(stands.runs.get("ready", 0) + stands.runs.get("waiting", 0)),
        "runs_ready": float(stands.runs.get("ready", 0)),
        "runs_dead": float(stands.dead),
        "oldest_ready": stands.oldest_ready,
        "questions_open": float(stands.open_reviews),
        "questions_late": float(stands.overdue_reviews),
        "notices_dead": float(stands.dead_notices),
        "runs_begun": float(_since(traffic.submitted, since)),
        "runs_ended": float(len(ended)),
        "questions_asked": float(_since(traffic.asked, since)),
        "questions_closed": float(_since(traffic.closed, since)),
        "run_seconds": _most(ended),
        "wait_for_worker": _most([row.seconds for row in _lately(traffic.worked, since)]),
        "model_seconds": _most([row.seconds for row in _lately(traffic.called, since)]),
    }


class _Dated(Protocol):
    @property
    def at(self) -> float: ...


D = TypeVar("D", bound=_Dated)


def _lately(rows: Sequence[D], since: float) -> Sequence[D]:
    return rows[bisect_left(rows, since, key=lambda row: row.at) :]


def _since(rows: Sequence[_Dated], since: float) -> int:
    return len(rows) - bisect_left(rows, since, key=lambda row: row.at)


def _most(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))] if ordered else 0.0
