"""Does nine in ten mean nine in ten? Forecasts of Baton's, held against what came, in simulated weeks.

Each forecast is made when a question is asked, from what is known then: the open questions, who is on duty, and how the
questions answered so far have fared. The questions of one kind are a class. Beside the streams of `queue_sim.py` there
are desks of our own: other shifts, one person or many, people who look only now and then, absences, sudden crowds.
"""

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

import numpy as np
import simpy

from baton.core.calendars import Calendar, Hours
from baton.core.roster import Absence, Person, Roster
from baton.ledger.forecasts import Past
from baton.review.discipline import Turn, urgent_first
from baton.review.forecast import LATEST, Other, before, expected, factors, usual_work
from baton.review.staffing import Desk, Level

MONDAY = 1_767_571_200.0  # 2026-01-05 00:00 UTC
MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86400.0, 604800.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """A question to come; times are in seconds."""

    turn: Turn
    kind: str
    at: float
    skills: frozenset[str]
    takes: float


@dataclass(frozen=True, kw_only=True)
class World:
    """People, and the questions that they are asked.

    Attributes:
        looks: Seconds after which somebody who has nothing to do looks again, on average; 0 sees at once.
        ends: When the simulation ends.
    """

    name: str
    roster: Roster
    jobs: Sequence[Job]
    looks: float
    ends: float
    rng: np.random.Generator


@dataclass(kw_only=True)
class Outcome:
    """A forecast, and what came; times are seconds since the question was asked. `naive` is the bound of past waits."""

    kind: str
    at: float
    half: float
    most: float
    naive: float
    waited: float = float("inf")


class KnownDesk(Desk):
    """A desk whose hours are worked out once for all weeks: a simulation asks for them a hundred thousand times."""

    _whole: list[Level]
    _starts: list[float]

    @classmethod
    def over(cls, roster: Roster, skills: frozenset[str], start: float, end: float) -> "KnownDesk":
        desk = cls(roster, (), skills)
        whole = Desk(roster, (), skills).levels(start, end)
        object.__setattr__(desk, "_whole", whole)
        object.__setattr__(desk, "_starts", [level[0] for level in whole])
        return desk

    def levels(self, start: float, end: float) -> list[Level]:
        first = max(0, bisect.bisect_right(self._starts, start) - 1)
        last = bisect.bisect_left(self._starts, end)
        cut = ((max(start, begun), min(end, ended), count) for begun, ended, count in self._whole[first:last])
        return [level for level in cut if level[0] < level[1]]


@dataclass
class Known:
    """What is known of a class so far."""

    waited: list[tuple[float | None, float]] = field(default_factory=list[tuple[float | None, float]])
    took: list[float] = field(default_factory=list[float])
    waits: list[float] = field(default_factory=list[float])


class Office:
    """Plays a world, and makes a forecast of each question when it is asked."""

    def __init__(self, world: World) -> None:
        self.world, self.env = world, simpy.Environment(MONDAY)
        self.waiting: list[Job] = []
        self.at_work: dict[str, Job] = {}
        self.known: dict[str, Known] = {}
        self.open: dict[str, tuple[Job, float, Outcome | None]] = {}
        self.work: dict[str, float] = {}
        self.outcomes: list[Outcome] = []
        skills = {job.skills for job in world.jobs}
        end = world.ends + 30 * WEEK
        self.desks = {each: KnownDesk.over(world.roster, each, MONDAY - DAY, end) for each in skills}
        self.able = {each: frozenset(p.name for p in world.roster.people if p.skills >= each) for each in skills}
        self.bell = self.env.event()
        self.env.process(self._arrive())
        for person in world.roster.people:
            self.env.process(self._answer(person))
        self.env.run(world.ends)
        self.outcomes += [outcome for _, _, outcome in self.open.values() if outcome is not None]

    def _arrive(self) -> Iterator[simpy.Event]:
        for job in self.world.jobs:
            yield self.env.timeout(max(job.at - self.env.now, 0.0))
            self._ask(job)
            self.waiting.append(job)
            self.bell.succeed()
            self.bell = self.env.event()

    def _answer(self, person: Person) -> Iterator[simpy.Event]:
        env = self.env
        for start, end in person.spans(MONDAY, self.world.ends):
            yield env.timeout(max(start - env.now, 0.0) + 1e-4)
            while env.now < end:
                able = [job for job in self.waiting if person.skills >= job.skills]
                if not able:
                    yield self.bell | env.timeout(max(end - env.now, 0.0) + 1e-4)
                    if self.world.looks:
                        yield env.timeout(self.world.rng.exponential(self.world.looks))
                    continue
                turns = {job.turn.id: job for job in able}
                job = turns[urgent_first(env.now, [job.turn for job in able]).id]
                self.waiting.remove(job)
                self.at_work[person.name] = job
                yield env.timeout(job.takes)
                del self.at_work[person.name]
                self._answered(job)

    def _ask(self, job: Job) -> None:
        now, known, desk = self.env.now, self._past(job.kind), self.desks[job.skills]
        work = usual_work(known)
        self.work[job.turn.id] = work
        ahead = work + before(now, job.turn, self._others(job), urgent_first)
        half, most = expected(now, ahead, factors(known), desk)
        outcome = None
        waits = self._known(job.kind).waits[-LATEST:]
        if half is not None and most is not None and now > MONDAY + WEEK:
            naive = float(np.quantile(waits, 0.9))
            outcome = Outcome(kind=job.kind, at=now, half=half - now, most=most - now, naive=naive)
        self.open[job.turn.id] = (job, ahead, outcome)

    def _others(self, job: Job) -> Iterator[Other]:
        ours = self.able[job.skills]
        for other, taken in [*((o, False) for o in self.waiting), *((o, True) for o in self.at_work.values())]:
            theirs = self.able[other.skills]
            yield Other(
                turn=other.turn, work=self.work[other.turn.id], share=len(ours & theirs) / len(theirs), taken=taken
            )

    def _answered(self, job: Job) -> None:
        _, ahead, outcome = self.open.pop(job.turn.id)
        known, now = self._known(job.kind), self.env.now
        known.waited.append((self.desks[job.skills].work(job.at, now), ahead))
        known.took.append(job.takes)
        known.waits.append(now - job.at)
        if outcome is not None:
            outcome.waited = now - job.at
            self.outcomes.append(outcome)

    def _past(self, kind: str) -> Past:
        known = self._known(kind)
        late = [
            1 for job, _, told in self.open.values() if told and job.kind == kind and job.at + told.most < self.env.now
        ]
        return Past(waited=known.waited[-LATEST:], overdue=len(late), work=known.took[-LATEST:])

    def _known(self, kind: str) -> Known:
        return self.known.setdefault(kind, Known())


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of question: how many of all, how long it may take, how long it does, what lateness costs."""

    name: str
    share: float
    allowed: float
    work: float
    cost: float = 1.0


KINDS = (
    Kind(name="urgent", share=0.1, allowed=2 * HOUR, work=10 * MINUTE, cost=10.0),
    Kind(name="normal", share=0.5, allowed=8 * HOUR, work=12 * MINUTE, cost=3.0),
    Kind(name="low", share=0.4, allowed=72 * HOUR, work=18 * MINUTE),
)


def week(zone: str, start: int, end: int, days: Sequence[int] = range(5)) -> Calendar:
    """The same hours on some days."""
    return Calendar(zone=zone, hours=tuple(Hours(weekday=day, start=time(start), end=time(end)) for day in days))


def somebody(name: str, calendar: Calendar, *skills: str, absences: tuple[Absence, ...] = ()) -> Person:
    return Person(name=name, calendar=calendar, skills=frozenset(skills), absences=absences)


def harness_world(harness: Any, load: float, seed: int, weeks: int = 13) -> World:
    """The people and questions of `queue_sim.py`; its times are minutes."""
    people = [
        somebody(each.name, week("UTC", each.from_hour, each.to_hour), *(str(skill) for skill in each.skills))
        for each in harness.REVIEWERS
    ]
    jobs = [
        Job(
            turn=Turn(
                id=str(item.id),
                due=MONDAY + item.deadline * MINUTE,
                cost=item.weight,
                work=item.expected_work * MINUTE,
            ),
            kind=item.kind,
            at=MONDAY + item.arrived * MINUTE,
            skills=frozenset({str(item.skill)}),
            takes=takes * MINUTE,
        )
        for item, takes in harness.arrivals(np.random.default_rng(seed), weeks, load)
    ]
    roster, ends = Roster(people=tuple(people)), MONDAY + weeks * WEEK
    rng = np.random.default_rng([seed, 1])
    return World(name=f"load {load:.2f}", roster=roster, jobs=jobs, looks=0.0, ends=ends, rng=rng)


def stream(
    rng: np.random.Generator,
    roster: Roster,
    load: Callable[[float], float],
    *,
    kinds: Sequence[Kind] = KINDS,
    rare: float = 0.0,
    crowd: int = 1,
    weeks: int = 20,
) -> list[Job]:
    """Questions at a load that may change with time (0 to 1); `crowd` come at once, `rare` need a skill few have."""
    skilled = frozenset({"rare"}) if rare else frozenset[str]()
    capacity = Desk(roster).work(MONDAY, MONDAY + weeks * WEEK)
    mean = sum(kind.share * kind.work for kind in kinds)
    most = max(load(step / 100) for step in range(101))
    count = rng.poisson(most * capacity / mean / crowd)
    moments = np.sort(rng.uniform(0, 1, count))
    kept = [at for at in moments if rng.random() < load(at) / most]
    jobs: list[Job] = []
    for at in (at for moment in kept for at in [moment] * crowd):
        kind = kinds[rng.choice(len(kinds), p=[each.share for each in kinds])]
        asked = MONDAY + at * weeks * WEEK
        turn = Turn(id=str(len(jobs)), due=asked + kind.allowed, cost=kind.cost, work=kind.work)
        takes = float(rng.lognormal(np.log(kind.work) - 0.32, 0.8))
        needs = skilled if rng.random() < rare else frozenset[str]()
        jobs.append(Job(turn=turn, kind=kind.name, at=asked, skills=needs, takes=takes))
    return jobs


def own_worlds(seed: int, weeks: int = 20) -> list[World]:
    """Desks unlike that of `queue_sim.py`."""
    berlin, york = week("Europe/Berlin", 9, 17), week("America/New_York", 8, 16)
    nights = Calendar(zone="Asia/Tokyo", hours=tuple(Hours(weekday=d, start=time(22), end=time(6)) for d in range(7)))
    holiday = Absence(start=MONDAY + 8 * WEEK, end=MONDAY + 10 * WEEK)
    team = [somebody(f"b{n}", berlin, "rare", absences=(holiday,) if n == 0 else ()) for n in range(2)]
    crew = [somebody(f"n{n}", nights) for n in range(3)] + [somebody(f"y{n}", york, "rare") for n in range(3)]
    slow = (
        Kind(name="long", share=0.3, allowed=72 * HOUR, work=90 * MINUTE),
        Kind(name="short", share=0.7, allowed=24 * HOUR, work=4 * MINUTE),
    )
    made: list[tuple[str, list[Person], float, dict[str, Any]]] = [
        (
            "one person who looks now and then, load 0.75",
            [somebody("a", berlin)],
            20 * MINUTE,
            {"load": lambda _: 0.75},
        ),
        ("six in three zones and at night, load 0.90", crew, 0.0, {"load": lambda _: 0.9, "rare": 0.2}),
        ("two, one of them two weeks away, load 0.65", team, 10 * MINUTE, {"load": lambda _: 0.65, "rare": 0.1}),
        ("crowds of 25, load 0.60", [*team, somebody("y", york)], 5 * MINUTE, {"load": lambda _: 0.6, "crowd": 25}),
        ("a load that rises from 0.50 to 0.95", crew, 5 * MINUTE, {"load": lambda at: 0.5 + 0.45 * at}),
        ("long and short ones, load 0.80", crew[2:5], 5 * MINUTE, {"load": lambda _: 0.8, "kinds": slow}),
    ]
    worlds: list[World] = []
    for number, (name, people, looks, said) in enumerate(made):
        rng, roster = np.random.default_rng([seed, number]), Roster(people=tuple(people))
        jobs = stream(rng, roster, weeks=weeks, **said)
        worlds.append(World(name=name, roster=roster, jobs=jobs, looks=looks, ends=MONDAY + weeks * WEEK, rng=rng))
    return worlds


def judged(outcomes: Sequence[Outcome], ends: float) -> list[Outcome]:
    """Those of which it is known whether the forecast held."""
    return [one for one in outcomes if np.isfinite(one.waited) or one.at + max(one.most, one.naive) < ends]


def shares(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """How often forecasts held, in percent, and how wide they were, in hours."""
    waited, most, half, naive = (
        np.array([getattr(one, name) for one in outcomes]) for name in ("waited", "most", "half", "naive")
    )
    return {
        "questions": float(len(outcomes)),
        "most": 100 * float((waited <= most + 1e-3).mean()),
        "half": 100 * float((waited <= half + 1e-3).mean()),
        "naive": 100 * float((waited <= naive).mean()),
        "hours": float(most.mean()) / HOUR,
        "naive hours": float(naive.mean()) / HOUR,
        "loss": _loss(waited, most),
        "naive loss": _loss(waited, naive),
    }


def _loss(waited: Any, bound: Any) -> float:
    """The pinball loss of a bound of nine in ten, in hours: small where it holds as often as it should and is near."""
    over = np.minimum(waited, 1e7) - bound
    return float(np.maximum(0.9 * over, -0.1 * over).mean()) / HOUR
