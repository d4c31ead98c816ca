"""When the answer to a question is expected, told when it is asked and kept beside it; and how that came out."""

import json
from collections.abc import Collection, Iterator, Sequence

from baton.core import Roster
from baton.ledger import Review, Transaction, events, forecasts, people
from baton.ledger.forecasts import Forecast, Waiting
from baton.ledger.reviews import PATIENCE
from baton.review.discipline import WORK, Discipline, Turn, urgent_first
from baton.review.forecast import LATEST, Other, before, expected, factors, usual_work
from baton.review.staffing import Desk, Gap, gap

LOOKED_AT = 1000
"""Open questions that are looked at for what comes before another, the earliest due."""


def expect(tx: Transaction, review: Review, discipline: Discipline[Turn] = urgent_first) -> Forecast:
    """Say when a question that has just been opened is answered, and whether anybody is there in time; keep both."""
    desk, past = desk_of(review, people.roster(tx)), forecasts.past(tx, review.verdict.kind, LATEST)
    work = usual_work(past)
    others = _others(review, desk, tx.now, forecasts.waiting(tx, review.id, LOOKED_AT, WORK))
    ahead = work + before(tx.now, Turn(id=review.id, due=review.due, cost=review.cost), others, discipline)
    half_by, most_by = expected(tx.now, ahead, factors(past), desk)
    made = Forecast(
        review=review.id,
        kind=review.verdict.kind,
        at=tx.now,
        work=work,
        ahead=ahead,
        half_by=half_by,
        most_by=most_by,
    )
    forecasts.record(tx, made)
    unstaffed = gap(desk, tx.now, deadline_of(review))
    if unstaffed is not None or half_by is not None:
        said = {"half_by": half_by, "most_by": most_by, "staffed": unstaffed is None}
        events.emit(tx, review.run, "review.expected", review=review.id, **said, next=unstaffed and unstaffed.next)
    return made


def answered(tx: Transaction, review: Review) -> None:
    """Note that a person has answered a question, for the forecasts to come."""
    forecasts.answered(tx, review.id, desk_of(review, people.roster(tx)).work(review.opened_at, tx.now))


def desk_of(review: Review, roster: Roster | None) -> Desk:
    """Who may answer a question."""
    return Desk(roster, review.reviewers, frozenset(review.skills))


def deadline_of(review: Review) -> float | None:
    """Until when a question needs its answer: its own deadline, or a waiting goal's; None where it has none."""
    return review.due if review.deadline is not None or review.due < review.opened_at + PATIENCE else None


def gap_of(review: Review, roster: Roster | None, now: float) -> Gap | None:
    """Whether nobody is there from now on who may answer an open question in time."""
    deadline = deadline_of(review)
    if deadline is not None and deadline <= now:
        return None  # it is late: that is said anyway
    return gap(desk_of(review, roster), now, deadline)


def _others(review: Review, desk: Desk, now: float, waiting: Sequence[Waiting]) -> Iterator[Other]:
    """The open questions that take the time of people who may answer this one."""
    able = _Able(desk.roster, now)
    ours = able.of(desk.reviewers, desk.skills)
    for one in waiting:
        share = able.share(one, ours)
        if share:
            yield Other(turn=Turn(id="", due=one.due, cost=one.cost), work=one.work, share=share, taken=one.taken)


class _Able:
    """Who may answer which questions; few different ones are asked for again and again."""

    def __init__(self, roster: Roster | None, now: float) -> None:
        self._roster, self._now = roster, now
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def of(self, reviewers: Collection[str], skills: Collection[str]) -> frozenset[str]:
        """Their names."""
        return frozenset() if self._roster is None else self._roster.able(reviewers, skills, self._now)

    def share(self, other: Waiting, ours: frozenset[str]) -> float:
        """How much of the work for another question falls to the people who may answer ours."""
        if self._roster is None:
            return 1.0
        asked = (other.reviewers, other.skills)
        if asked not in self._known:
            self._known[asked] = self.of(json.loads(other.reviewers), json.loads(other.skills))
        able = self._known[asked]
        return len(able & ours) / len(able) if able else 0.0
