"""When an answer comes, from what lies before a question and from how such questions have fared.

Time is counted in people's time: an hour in which two may answer is two. What lies before a question, in people's time,
says when it is answered if nothing else comes; how far that was wrong for the newest questions of its class says the
rest (split-conformal prediction: Papadopoulos and others 2002; a class has its own errors: Vovk 2012). See
docs/reviews.md for what else was tried.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from baton.core.calendars import LOOKS
from baton.ledger.forecasts import Past
from baton.review.discipline import WORK, Discipline, Turn
from baton.review.staffing import Desk

LEAST = 30
"""Questions of a class that must have been answered before anything is said of the next one."""

LATEST = 500
"""Questions of a class that are learnt from, the newest."""

HALF, MOST = 0.5, 0.9
"""Shares of the questions that are answered by the two times of a forecast."""

_SLACK = 3600.0
"""Seconds that are added to what lay ahead and to what it took before one is held against the other: short waits differ
by minutes, long ones by a share of them."""


@dataclass(frozen=True, kw_only=True)
class Other:
    """An open question beside ours, or several that are alike.

    Attributes:
        turn: What the discipline sees of one of them.
        work: Seconds that they take to answer, about.
        share: How much of that falls to the people who may answer ours.
        taken: Whether somebody is at each of them.
    """

    turn: Turn
    work: float
    share: float = 1.0
    taken: bool = False


def before(now: float, ours: Turn, others: Iterable[Other], discipline: Discipline[Turn]) -> float:
    """Seconds of people's time for what is answered before a question: what is taken is half done, about."""
    total = 0.0
    for other in others:
        if other.taken:
            total += other.share * other.work / 2
        elif discipline(now, (other.turn, ours)) is other.turn:
            total += other.share * other.work
    return total


def usual_work(past: Past) -> float:
    """Seconds that a question of a class takes to answer, about: the median, or `WORK` where nobody knows."""
    took = sorted(past.work)
    return took[len(took) // 2] if len(took) >= LEAST else WORK


def factors(past: Past) -> list[float]:
    """How many times longer than what lay ahead the questions took, sorted; infinity is for one nobody answered."""
    known = [math.inf if waited is None else (waited + _SLACK) / (ahead + _SLACK) for waited, ahead in past.waited]
    return sorted([*known, *[math.inf] * past.overdue])


def expected(now: float, ahead: float, known: Sequence[float], desk: Desk) -> tuple[float | None, float | None]:
    """By when half of such questions are answered, and nine in ten; None where that cannot be said.

    Args:
        now: When it is asked, in seconds since 1970.
        ahead: Seconds of people's time until it is answered, by what lies before it.
        known: What `factors` says of its class.
        desk: Who may answer.
    """
    if len(known) < LEAST:
        return None, None
    half, most = (_quantile(known, share) * (ahead + _SLACK) - _SLACK for share in (HALF, MOST))
    return _moment(now, half, desk), _moment(now, most, desk)


def _quantile(known: Sequence[float], share: float) -> float:
    """The least of some sorted numbers that the next is not above with this probability."""
    return known[min(math.ceil((len(known) + 1) * share), len(known)) - 1]


def _moment(now: float, work: float, desk: Desk) -> float | None:
    """When so many seconds of people's time have passed; None if they never do."""
    if math.isinf(work):
        return None
    for ahead in LOOKS:
        left = max(work, 0.0)
        for start, end, count in desk.levels(now, now + ahead):
            if left <= (end - start) * count:
                return start + left / count
            left -= (end - start) * count
    return None
