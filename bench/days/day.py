"""A desk in simulated time: goals come, workers take them up, models and tools answer, people on shifts decide.

Everything is simulated, by rules and by chance from a seed; nothing is Baton's own but the functions of the ledger, by
which each event is recorded at its simulated time. What goes wrong is said in a list of `Trouble`s.
"""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from baton.core import ActionId, Goal, ModelReply, ReviewId, Ruling, RunId, Usage, Verdict
from baton.ledger import (
    DecisionKind,
    EffectState,
    ReviewKind,
    Source,
    Transaction,
    effects,
    journal,
    mail,
    reviews,
    runs,
)
from baton.ledger.decisions import Decision, new_id

HOUR, DAY = 3600.0, 86400.0

Effort = Callable[[Transaction], None]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What goes wrong in a day.

    Attributes:
        kind: `slow model`, `failing model`, `slow tool`, `failing tool`, `absent`, `flood` or `no workers`.
        about: Which one.
        start: Seconds from the beginning of the day.
        end: The same.
        by: How many times as slow, or as many, or which share fails.
    """

    kind: str
    about: str
    start: float
    end: float
    by: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Shop:
    """How the desk works, in seconds and shares.

    Attributes:
        goals: That come in a day.
        workers: Runs that are advanced at once.
        people: Who decides: name, from and to which hour of the day.
        models: Of each model the median time of an answer.
        tools: Of each tool the median time of a call.
        agents: Of each agent the model, the tools, the share of the goals, and the share that asks people.
    """

    goals: int = 2000
    workers: int = 16
    people: Sequence[tuple[str, float, float]] = (
        ("ann", 6.0, 14.0), ("bob", 6.0, 14.0), ("cem", 14.0, 22.0), ("dee", 14.0, 22.0), ("eve", 22.0, 6.0),
    )  # fmt: skip
    models: dict[str, float] = field(default_factory=lambda: {"swift": 1.6, "deep": 5.0})
    tools: dict[str, float] = field(default_factory=lambda: {"find_order": 0.3, "find_customer": 0.2, "refund": 0.8})
    agents: dict[str, tuple[str, tuple[str, ...], float, float]] = field(
        default_factory=lambda: {
            "desk": ("swift", ("find_order", "find_customer"), 0.7, 0.2),
            "clerk": ("deep", ("find_order",), 0.3, 0.35),
        }
    )


@dataclass
class _Task:
    """A goal on its way."""

    run: RunId
    agent: str
    turns: int
    asks: bool
    turn: int = 0
    woken: float = 0.0
    review: ReviewId | None = None
    action: ActionId | None = None


class Day:
    """Plays days; each minute's events are one piece of work for the ledger's door."""

    def __init__(self, shop: Shop, troubles: Sequence[Trouble], *, seed: int, start: float, days: int = 1) -> None:
        self.shop, self.troubles, self.start, self.days = shop, troubles, start, days
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._written: list[tuple[float, Effort]] = []
        self._ready: deque[_Task] = deque()
        self._busy = 0
        self._questions: dict[ReviewId, tuple[_Task, float]] = {}
        self._taken: set[ReviewId] = set()
        self._at_it: dict[str, ReviewId] = {}
        self.now = start
        self.ended = 0
        self._plan()

    def minutes(self) -> Iterator[tuple[float, list[tuple[float, Effort]]]]:
        """For each minute its end and what is to be recorded, with the time of each."""
        end = self.start + self.days * DAY
        at = self.start
        while at < end:
            at += 60.0
            while self._events and self._events[0][0] < at:
                self.now, _, happen = heapq.heappop(self._events)
                happen()
            written, self._written = self._written, []
            yield at, written

    # What is to come.

    def _at(self, at: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), happen))

    def _plan(self) -> None:
        for day in range(self.days):
            begin = self.start + day * DAY
            for at in self._arrivals(self.shop.goals):
                self._at(begin + at, self._come)
            for name, first, last in self.shop.people:
                for hour in (first, first - 24.0 if last < first else first):
                    self._at(max(self.start, begin + hour * HOUR), lambda name=name: self._look(name))  # type: ignore[misc]
        for trouble in self.troubles:
            if trouble.kind == "flood":
                for at in self._flood(trouble):
                    self._at(self.start + at, lambda about=trouble.about: self._come(about, "mailer"))  # type: ignore[misc]
            if trouble.kind in ("absent", "no workers"):
                self._at(self.start + trouble.end + 1.0, self._resume)

    def _resume(self) -> None:
        self._work()
        for name, *_ in self.shop.people:
            self._look(name)

    def _arrivals(self, many: int) -> list[float]:
        found = list[float]()
        while len(found) < many:
            at = self._random.uniform(0.0, DAY)
            if self._random.random() < 0.55 + 0.45 * math.sin((at / DAY - 0.33) * 2 * math.pi):
                found.append(at)
        return found

    def _flood(self, trouble: Trouble) -> list[float]:
        many = int((trouble.end - trouble.start) / DAY * self.shop.goals * trouble.by)
        return [self._random.uniform(trouble.start, trouble.end) for _ in range(many)]

    def _now(self, kind: str, about: str) -> Trouble | None:
        at = self.now - self.start
        return next((t for t in self.troubles if t.kind == kind and t.about == about and t.start <= at < t.end), None)

    def _record(self, work: Effort) -> None:
        self._written.append((self.now, work))

    # Runs.

    def _come(self, agent: str | None = None, by: str | None = None) -> None:
        names = list(self.shop.agents)
        agent = agent or self._random.choices(names, [self.shop.agents[name][2] for name in names])[0]
        by = by or self._random.choice(("web", "mail", "phone", "web"))
        run = RunId(f"run_{self._random.getrandbits(48):012x}")
        task = _Task(run, agent, 2 + self._random.randrange(3), self._random.random() < self.shop.agents[agent][3])
        task.woken = self.now
        self._record(lambda tx: runs.create(tx, Goal("A mail", requester=by), agent, id=run) and None)
        self._ready.append(task)
        self._work()

    def _work(self) -> None:
        if self._now("no workers", "workers"):
            return
        while self._ready and self._busy < self.shop.workers:
            self._busy += 1
            self._think(self._ready.popleft())

    def _think(self, task: _Task) -> None:
        model = self.shop.agents[task.agent][0]
        seconds = self._took(self.shop.models[model], "slow model", model)
        failing, tries = self._now("failing model", model), 1
        while failing and self._random.random() < failing.by and tries < 4:
            seconds, tries = seconds + self._took(self.shop.models[model], "slow model", model), tries + 1
        self._at(self.now + seconds, lambda: self._thought(task, model, seconds, tries))

    def _thought(self, task: _Task, model: str, seconds: float, tries: int) -> None:
        task.turn += 1
        run, turn = task.run, task.turn
        usage = Usage(prompt=900, completion=80)
        reply = ModelReply(finish="tool_calls", usage=usage, seconds=seconds, attempts=tries)
        self._record(lambda tx: journal.record_call(tx, run, turn, model, reply, 0))
        if task.turn <= task.turns:
            self._call(task, self._random.choice(self.shop.agents[task.agent][1]))
        elif task.asks:
            self._ask(task)
        else:
            self._end(task)

    def _call(self, task: _Task, tool: str) -> None:
        action = ActionId(f"act_{task.run}.{task.turn}.{tool}")
        run, seconds = task.run, self._took(self.shop.tools[tool], "slow tool", tool)
        failing = self._now("failing tool", tool)
        state = EffectState.FAILED if failing and self._random.random() < failing.by else EffectState.DONE
        self._record(lambda tx: effects.claim(tx, run, 0, action, tool, None) and None)

        def done() -> None:
            self._record(lambda tx: effects.settle(tx, run, 0, action, state, "") and None)
            self._think(task)

        self._at(self.now + seconds, done)

    def _ask(self, task: _Task) -> None:
        review = ReviewId(f"rev_{task.run}.{task.turn}")
        verdict = Verdict(ruling=Ruling.ASK, reason="", policy="", kind=f"{task.agent}/refund")
        run, agent = task.run, task.agent
        self._record(
            lambda tx: reviews.open_(
                tx, run, ReviewKind.ACTION, id=review, action=None, agent=agent, tool="refund",
                question={"summary": "May it refund?"}, verdict=verdict, requester=None,
            ) and None
        )  # fmt: skip
        task.review, task.asks = review, False
        self._questions[review] = (task, self.now)
        self._rest()
        for name, *_ in self.shop.people:
            self._look(name)

    def _rest(self) -> None:
        self._busy -= 1
        self._work()

    def _end(self, task: _Task) -> None:
        run = task.run
        self._record(lambda tx: runs.end(tx, run, "done", "done"))
        self.ended += 1
        self._rest()

    def _took(self, median: float, kind: str, about: str) -> float:
        trouble = self._now(kind, about)
        return median * self._random.lognormvariate(0.0, 0.4) * (trouble.by if trouble else 1.0)

    # People.

    def _there(self, name: str) -> bool:
        hour = (self.now % DAY) / HOUR
        on_duty = any(
            first <= hour < last if first < last else hour >= first or hour < last
            for one, first, last in self.shop.people
            if one == name
        )
        return on_duty and self._now("absent", name) is None

    def _look(self, name: str) -> None:
        """They look at the queue in a while, if they are free: mostly within half a minute."""
        if name not in self._at_it and self._there(name) and len(self._questions) > len(self._taken):
            self._at(self.now + 5.0 + self._random.expovariate(1 / 25.0), lambda: self._take(name))

    def _take(self, name: str) -> None:
        free = [review for review in self._questions if review not in self._taken]
        if not free or name in self._at_it or not self._there(name):
            return
        review = min(free, key=lambda one: self._questions[one][1])
        self._taken.add(review)
        self._at_it[name] = review
        until = self.now + 900.0
        self._record(lambda tx: _claim(tx, review, name, until))
        self._at(self.now + self._random.lognormvariate(math.log(70.0), 0.5), lambda: self._decide(name, review))

    def _decide(self, name: str, review: ReviewId) -> None:
        task, _ = self._questions.pop(review)
        self._taken.discard(review)
        del self._at_it[name]
        yes = self._random.random() < 0.93
        kind = DecisionKind.APPROVE if yes else DecisionKind.REJECT
        self._record(lambda tx: _decide(tx, review, name, kind))
        task.woken = self.now
        if yes:
            self._ready_again(task)
        else:
            task.turns = task.turn
            self._ready.append(task)
            self._work()
        self._look(name)

    def _ready_again(self, task: _Task) -> None:
        task.turns = task.turn + 1
        self._ready.append(task)
        self._work()


def _claim(tx: Transaction, review: ReviewId, by: str, until: float) -> None:
    assert reviews.claim(tx, review, reviews.get(tx, review).version, by, until)


def _decide(tx: Transaction, review: ReviewId, by: str, kind: DecisionKind) -> None:
    known = reviews.get(tx, review)
    decision = Decision(
        id=new_id(), review=review, kind=kind, by=by, source=Source.PERSON, channel="bench", at=tx.now
    )  # fmt: skip
    assert reviews.close(tx, known.run, known.version, decision)
    mail.post(tx, known.run, "decision", sender=by, ref=review)
