"""How many people it takes: questions as they came, answered by simulated people, hours and days in a moment.

The same questions are put to other staff or in another order. What comes out rests on the people's figures, which are
assumed or fitted (see `reviewers.fit`), and says so.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from baton.evals.chance import dice
from baton.evals.results import Results
from baton.evals.reviewers import Reviewer
from baton.review.discipline import Turn, urgent_first

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question as it came.

    Attributes:
        opened: When, in seconds since 1970.
        kind: The class of its action.
        confidence: What the agent said; None where it said nothing.
        right: Whether the action is right; None where nobody knows.
        due: When it should be answered; None is three days later.
        cost: What a mistake costs.
        delay: What an hour of waiting costs.
    """

    id: str
    opened: float
    kind: str = ""
    confidence: float | None = None
    right: bool | None = None
    due: float | None = None
    cost: float = 1.0
    delay: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Staffed:
    """What came of questions under some staff.

    Attributes:
        people: How many.
        answered: Questions that were answered before the end.
        left: Those that were not.
        median: Seconds from the question to its answer, of half of them.
        p90: Of nine tenths.
        late: Share of the answered ones that came after they were due.
        load: Share of the people's hours in which they thought about questions.
        delay: Cost of waiting.
        overlooked: Expected cost of the mistakes that remain after review.
        work: Hours that people thought.
    """

    people: int
    answered: int
    left: int
    median: float
    p90: float
    late: float
    load: float
    delay: float
    overlooked: float
    work: float


Order = Callable[[float, Sequence[Turn]], Turn]

PATIENCE = 72 * HOUR

DISCIPLINES: dict[str, Order] = {
    "urgent": urgent_first,
    "oldest": lambda _now, open_: min(open_, key=lambda one: int(one.id)),
    "due": lambda _now, open_: min(open_, key=lambda one: one.due),
}
"""In which order questions are taken: the queue's own, the oldest first, the earliest due first."""


def questions_of(results: Results) -> list[Question]:
    """The questions of an evaluation, those of each repeat as they came."""
    return [
        Question(
            id=f"{one.row['repeat']} {row['review']}",
            opened=float(row["opened_at"]),
            kind=str(row["class"]),
            confidence=row["confidence"],
            right=None if row["right"] is None else bool(row["right"]),
            cost=float(one.case["cost"]),
            delay=results.prices.delay,
        )
        for one in results.counted
        for row in one.reviews
    ]


@dataclass
class _Run:
    """One simulation in progress."""

    questions: Sequence[Question]
    people: Sequence[Reviewer]
    order: Order
    seed: int
    waits: list[float] = field(default_factory=list[float])
    late: int = 0
    delay: float = 0.0
    overlooked: float = 0.0
    work: float = 0.0
    answered: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def play(self) -> None:
        """From one event to the next: somebody becomes free, or a question can be seen."""
        free = [(self._on_duty(one, self.questions[0].opened), number) for number, one in enumerate(self.people)]
        heapq.heapify(free)
        coming, open_ = list(range(len(self.questions))), list[int]()
        while free and (coming or open_):
            at, number = heapq.heappop(free)
            one = self.people[number]
            while coming and self._seen(one, coming[0]) <= at:
                open_.append(coming.pop(0))
            if not open_:
                heapq.heappush(free, (self._on_duty(one, max(at, self._seen(one, coming[0]))), number))
                continue
            chosen = self._choose(at, open_)
            open_.remove(chosen)
            thinks = one.thinks.draw(dice(self.seed, chosen, one.name, "thinks"))
            self._answer(one, self.questions[chosen], at, thinks)
            heapq.heappush(free, (self._on_duty(one, at + thinks), number))

    def _seen(self, one: Reviewer, at: int) -> float:
        return self.questions[at].opened + one.looks.draw(dice(self.seed, at, one.name, "looks"))

    def _choose(self, now: float, open_: Sequence[int]) -> int:
        turns = [Turn(id=str(at), due=self._due(self.questions[at]), cost=self.questions[at].cost) for at in open_]
        return int(self.order(now, turns).id)

    def _answer(self, one: Reviewer, question: Question, at: float, thinks: float) -> None:
        done = at + thinks
        self.waits.append(done - question.opened)
        self.late += done > self._due(question)
        self.delay += question.delay * (done - question.opened) / HOUR
        self.work += thinks
        before = self.answered.setdefault(one.name, [])
        lately = sum(at - 8 * HOUR < then for then in before)
        if question.right is False:
            self.overlooked += question.cost * one.mistaken(question.kind, False, question.confidence, lately)
        before.append(done)

    @staticmethod
    def _due(question: Question) -> float:
        return question.opened + PATIENCE if question.due is None else question.due

    @staticmethod
    def _on_duty(one: Reviewer, at: float) -> float:
        found = one.free_at(at)
        return float("inf") if found is None else found


def simulate(
    questions: Sequence[Question], people: Sequence[Reviewer], *, discipline: str = "urgent", seed: int = 0
) -> Staffed:
    """Put questions to some people, in some order.

    Each question is seen by each of them after their own `looks`, and taken by the first who is free and on duty.

    Raises:
        InvalidValue: for an order that there is not.
    """
    from baton.core import InvalidValue

    if discipline not in DISCIPLINES:
        raise InvalidValue("discipline", discipline, f"one of: {', '.join(DISCIPLINES)}")
    ordered = sorted(questions, key=lambda one: (one.opened, one.id))
    run = _Run(ordered, people, DISCIPLINES[discipline], seed)
    if ordered and people:
        run.play()
    waits = sorted(run.waits)
    return Staffed(
        people=len(people),
        answered=len(waits),
        left=len(ordered) - len(waits),
        median=_quantile(waits, 0.5),
        p90=_quantile(waits, 0.9),
        late=run.late / len(waits) if waits else 0.0,
        load=_load(run, people, ordered),
        delay=run.delay,
        overlooked=run.overlooked,
        work=run.work / HOUR,
    )


def copies(people: Sequence[Reviewer], count: int) -> list[Reviewer]:
    """`count` people like those that there are, in turn; more of them than there are get numbers."""
    from dataclasses import replace

    found = [people[at % len(people)] for at in range(count)]
    return [
        one if at < len(people) else replace(one, name=f"{one.name} {at // len(people) + 1}")
        for at, one in enumerate(found)
    ]


def _load(run: _Run, people: Sequence[Reviewer], ordered: Sequence[Question]) -> float:
    if not ordered or not run.waits:
        return 0.0
    start, end = ordered[0].opened, max(one.opened for one in ordered) + max(run.waits)
    hours = sum(end - start if one.calendar is None else one.calendar.staffed(start, end) for one in people)
    return run.work / hours if hours else 0.0


def _quantile(waits: Sequence[float], share: float) -> float:
    return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0
