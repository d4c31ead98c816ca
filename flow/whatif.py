"""What if: the questions that were asked, played again with other people, another order, more or fewer of them. No I/O.

A simulation of discrete events: questions come when they came, people take them up as a discipline says while they are
on duty, and each takes as long as it took. What people do beside questions is not known, so it stands for the time in
which somebody is free and does not look: as long as it mostly was.
"""

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from baton.core import InvalidValue, Roster
from baton.flow.lives import Whom
from baton.flow.staff import Interval
from baton.ledger.courses import Course
from baton.ledger.decisions import Source
from baton.review.discipline import WORK, Discipline, Turn, urgent_first

MOST_ADDED = 6
"""People that are added at most to see how many are enough."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question as it was asked.

    Attributes:
        at: When, in seconds since 1970.
        due: When it should have been answered.
        work: Seconds that it took somebody.
        run: Whose question it is.
        thought: Seconds that models had thought in that run before it was asked.
    """

    id: str
    kind: str
    at: float
    due: float
    cost: float
    whom: Whom
    work: float
    run: str = ""
    thought: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Somebody who answers: when they are on duty, and whom they may answer for."""

    name: str
    duty: Sequence[Interval]
    may: Callable[[Whom], bool]


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of it.

    Attributes:
        asked: How many questions there were.
        missed: How many were not answered in time.
        waits: How long each waited until it was taken, in seconds, shortest first; those never taken are left out.
        left: How many were not answered before the end.
        busy: The share of their time on duty that each was at questions, by name.
        took: How long each took until it was answered, in seconds, by the question; those that were not are left out.
    """

    asked: int
    missed: int
    waits: Sequence[float]
    left: int
    busy: Mapping[str, float]
    took: Mapping[str, float]

    def wait(self, share: float) -> float | None:
        """How long this share of those that were taken waited at most; None of none."""
        place = max(0, math.ceil(share * len(self.waits)) - 1)
        return self.waits[place] if self.waits else None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to be otherwise.

    Attributes:
        load: How many times as many questions come.
        work: How many times as long each takes.
        thinking: How many times as long models think: questions come sooner or later by it.
        without: Classes that are not asked about any more.
        added: People, each as somebody else is, by that one's name.
        removed: People who are not there.
        discipline: In which order questions are taken; None is as it is.
    """

    load: float = 1.0
    work: float = 1.0
    thinking: float = 1.0
    without: frozenset[str] = frozenset()
    added: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()
    discipline: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a factor that is not above 0, or a discipline that there is not.
        """
        for name, factor in (("load", self.load), ("work", self.work), ("thinking", self.thinking)):
            if not 0 < factor <= 100:
                raise InvalidValue(name, factor, "a factor above 0, up to 100")
        if self.discipline is not None and self.discipline not in DISCIPLINES:
            raise InvalidValue("discipline", self.discipline, " or ".join(DISCIPLINES))


@dataclass(frozen=True)
class _Turn(Turn):
    """A question as a discipline sees it, with when it was asked."""

    asked: float = field(default=0.0, kw_only=True)


def _first_come(now: float, waiting: Sequence[_Turn]) -> _Turn:
    return min(waiting, key=lambda one: one.asked)


def _earliest_due(now: float, waiting: Sequence[_Turn]) -> _Turn:
    return min(waiting, key=lambda one: one.due)


DISCIPLINES: Mapping[str, Discipline[_Turn]] = {
    "urgent-first": urgent_first,
    "first-come": _first_come,
    "earliest-due": _earliest_due,
}
"""Orders in which questions can be taken, by name; the first is Baton's."""


def questions_of(found: Iterable[Course], thought: Mapping[str, float] | None = None) -> list[Question]:
    """The questions that were asked, in order; of those that nobody claimed the usual time of their class is taken.

    `thought` are seconds that models had thought before each, by its id; None is not known.
    """
    took, courses = dict[str, list[float]](), list(found)
    for course in courses:
        if seconds := _work(course):
            took.setdefault(course.review.verdict.kind, []).append(seconds)
    usual = {kind: sorted(times)[len(times) // 2] for kind, times in took.items()}
    made = [
        Question(
            id=course.review.id,
            kind=course.review.verdict.kind,
            at=course.review.opened_at,
            due=course.review.due,
            cost=course.review.cost,
            whom=(tuple(course.review.reviewers), tuple(course.review.skills)),
            work=_work(course) or usual.get(course.review.verdict.kind, WORK),
            run=course.review.run,
            thought=(thought or {}).get(course.review.id, 0.0),
        )
        for course in courses
        if not (course.review.decision is not None and course.review.decision.source is Source.POLICY)
    ]
    return sorted(made, key=lambda one: (one.at, one.id))


def workers_of(roster: Roster, start: float, end: float) -> list[Worker]:
    """The people of a roster, with when they are on duty between two times."""
    return [
        Worker(
            name=person.name,
            duty=roster.duty((person.name,), (), start, end).get(person.name, []),
            may=partial(_may, person.called, person.skills),
        )
        for person in roster.people
    ]


def changed(
    questions: Sequence[Question], workers: Sequence[Worker], change: Change, seed: int = 0
) -> tuple[list[Question], list[Worker]]:
    """The questions and people as a change has them; which of them come more or less often is drawn from `seed`.

    Raises:
        NotFound: if somebody is named who is not there.
    """
    chance, made = random.Random(seed), list[Question]()
    for one in questions:
        if one.kind in change.without:
            continue
        copies = math.floor(change.load) + (chance.random() < change.load % 1)
        for number in range(copies):
            later = (change.thinking - 1.0) * one.thought + (chance.uniform(0.0, 3600.0) if number else 0.0)
            id = f"{one.id}/{number}" if number else one.id
            made.append(replace(one, id=id, at=one.at + later, due=one.due + later, work=one.work * change.work))
    known = {worker.name: worker for worker in workers}
    for name in (*change.added, *change.removed):
        if name not in known:
            raise InvalidValue("person", name, " or ".join(known))
    more = [replace(known[name], name=f"like {name} {number}") for number, name in enumerate(change.added, 1)]
    return sorted(made, key=lambda one: (one.at, one.id)), [
        *(worker for worker in workers if worker.name not in change.removed),
        *more,
    ]


def play(
    questions: Sequence[Question],
    workers: Sequence[Worker],
    end: float,
    *,
    discipline: str | None = None,
    reaction: float = 0.0,
) -> Played:
    """Play questions through.

    Args:
        questions: In the order in which they come.
        workers: Who answers them.
        end: When it ends, in seconds since 1970.
        discipline: One of `DISCIPLINES`; None is the first.
        reaction: Seconds in which somebody who is free takes up what waits.
    """
    return _Desk(questions, workers, end, DISCIPLINES[discipline or next(iter(DISCIPLINES))], reaction).play()


def run_times(
    lived: Mapping[str, tuple[float, float]],
    questions: Sequence[Question],
    played: Played,
    otherwise: Played,
    change: Change,
) -> list[float]:
    """How long runs would have taken, in seconds, shortest first: by what their models and their questions would have.

    Runs with a question that was not answered in both plays are left out.

    Args:
        lived: How long each took, and for how long of it models thought, by run.
        questions: Those that were asked.
        played: As they were, played again.
        otherwise: The same with the change.
        change: What is otherwise.
    """
    later, open_ = dict[str, float](), set[str]()
    for one in questions:
        now = 0.0 if one.kind in change.without else otherwise.took.get(one.id)
        if one.id in played.took and now is not None:
            later[one.run] = later.get(one.run, 0.0) + now - played.took[one.id]
        else:
            open_.add(one.run)
    return sorted(
        max(0.0, whole + (change.thinking - 1.0) * thought + later.get(run, 0.0))
        for run, (whole, thought) in lived.items()
        if run not in open_
    )


def enough(
    questions: Sequence[Question], workers: Sequence[Worker], end: float, share: float, *, reaction: float = 0.0
) -> list[tuple[tuple[str, ...], Played]]:
    """Whom to add so that no more than a share of the questions is missed: one after the other who helps most.

    Returns:
        What comes of it as it is, and with each that is added; the last is enough, unless `MOST_ADDED` are not.
    """
    added: tuple[str, ...] = ()
    steps: list[tuple[tuple[str, ...], Played]] = [(added, play(questions, workers, end, reaction=reaction))]
    while steps[-1][1].missed > share * max(1, len(questions)) and len(added) < MOST_ADDED and workers:
        tried: list[tuple[tuple[str, ...], Played]] = []
        for worker in workers:
            names = (*added, worker.name)
            _, more = changed((), workers, Change(added=names))
            tried.append((names, play(questions, more, end, reaction=reaction)))
        best = min(tried, key=lambda one: (one[1].missed, one[1].wait(0.9) or 0.0))
        if best[1].missed >= steps[-1][1].missed and best[1].waits == steps[-1][1].waits:
            break
        added = best[0]
        steps.append(best)
    return steps


class _Desk:
    """People at work."""

    def __init__(
        self,
        questions: Sequence[Question],
        workers: Sequence[Worker],
        end: float,
        choose: Discipline[_Turn],
        reaction: float,
    ) -> None:
        self._questions, self._workers, self._end = questions, workers, end
        self._choose, self._reaction = choose, reaction
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._waiting: dict[str, tuple[Question, _Turn]] = {}
        self._busy = dict.fromkeys((worker.name for worker in workers), False)
        self._worked = dict.fromkeys(self._busy, 0.0)
        self._missed = 0
        self._waits: list[float] = []
        self._took: dict[str, float] = {}

    def play(self) -> Played:
        for one in self._questions:
            self._at(one.at, partial(self._come, one))
        for worker in self._workers:
            for start, _ in worker.duty:
                self._at(start, partial(self._look, worker))
        while self._events and self._events[0][0] <= self._end:
            at, _, happen = heapq.heappop(self._events)
            happen(at)
        self._missed += sum(turn.due <= self._end for _, turn in self._waiting.values())
        on_duty = {one.name: sum(stop - start for start, stop in one.duty) for one in self._workers}
        return Played(
            asked=len(self._questions),
            missed=self._missed,
            waits=sorted(self._waits),
            left=len(self._waiting),
            busy={name: self._worked[name] / seconds for name, seconds in on_duty.items() if seconds},
            took=self._took,
        )

    def _at(self, at: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), happen))

    def _come(self, one: Question, now: float) -> None:
        self._waiting[one.id] = one, _Turn(id=one.id, due=one.due, cost=one.cost, work=one.work, asked=one.at)
        for worker in self._workers:
            if not self._busy[worker.name] and worker.may(one.whom):
                self._at(now + self._reaction, partial(self._look, worker))

    def _look(self, worker: Worker, now: float) -> None:
        if self._busy[worker.name] or not any(start <= now < stop for start, stop in worker.duty):
            return
        able = [turn for one, turn in self._waiting.values() if worker.may(one.whom)]
        if able:
            self._take(worker, self._choose(now, able), now)

    def _take(self, worker: Worker, turn: _Turn, now: float) -> None:
        one, _ = self._waiting.pop(turn.id)
        done = now + one.work
        self._busy[worker.name] = True
        self._worked[worker.name] += one.work
        self._waits.append(now - one.at)
        self._missed += done > one.due
        self._took[one.id] = done - one.at
        self._at(done, partial(self._free, worker))

    def _free(self, worker: Worker, now: float) -> None:
        self._busy[worker.name] = False
        self._at(now + self._reaction, partial(self._look, worker))


def _may(called: frozenset[str], skills: frozenset[str], whom: Whom) -> bool:
    reviewers, needed = whom
    return (not reviewers or not called.isdisjoint(reviewers)) and skills.issuperset(needed)


def _work(course: Course) -> float:
    """Seconds that somebody had a question before they answered it; 0 where nobody claimed it."""
    decided = course.review.decision
    if decided is None:
        return 0.0
    return sum(max(0.0, min(claim.end, decided.at) - claim.start) for claim in course.claims if claim.by == decided.by)
