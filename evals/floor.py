"""Simulated reviewers at work: they take questions in the queue's order, think, and answer by what the suite knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple

from baton.app import Baton
from baton.core import BatonError, Conflict, ReviewId, RunId
from baton.evals.chance import dice
from baton.evals.knowing import Known
from baton.evals.reviewers import Reviewer
from baton.ledger import DecisionKind, Review, ReviewKind
from baton.review import Answer
from baton.review.discipline import Turn, urgent_first

SHIFT = 8 * 3600.0
"""Seconds in which answers tire."""

AGAIN = 600.0
"""Seconds after which who found nothing to take looks again."""

PATIENCE = 3
"""How often a run in trouble is let go on before it is ended."""

WRONGLY = "This does not look right to me."


class Place(NamedTuple):
    """Where a question stands: its case, and its number among the questions of that case, from 0."""

    case: str
    step: int


class Task(NamedTuple):
    """What a reviewer is at, and when they answer it."""

    review: Review
    until: float


@dataclass
class Floor:
    """The people of an evaluation.

    Attributes:
        reviewers: Who they are.
        seed: Of their chance.
        repeat: Which time the cases are played; another time, another chance.
        place: Says where a question stands.
        knows: What is known of a question.
    """

    reviewers: Sequence[Reviewer]
    seed: int
    repeat: int
    place: Callable[[Review], Place]
    knows: Callable[[Review], Known]
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    rested: dict[str, float] = field(default_factory=dict[str, float])
    answered: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    troubles: dict[RunId, int] = field(default_factory=dict[RunId, int])
    looks: dict[tuple[ReviewId, str], float] = field(default_factory=dict[tuple[ReviewId, str], float])

    def resume(self, open_: Sequence[Review], decided: Mapping[str, Sequence[float]]) -> None:
        """Take up what was left: who has which question, and what they have answered, as the record says."""
        self.answered = {name: list(times) for name, times in decided.items()}
        mine = {one.name: one for one in self.reviewers}
        for review in open_:
            if review.claimed_by in mine and review.claimed_until is not None:
                thinks = self._thinks(mine[review.claimed_by], review)
                self.tasks[review.claimed_by] = Task(review, review.claimed_until - self._held(thinks) + thinks)

    def next_time(self, open_: Sequence[Review], now: float) -> float | None:
        """When somebody does something next; None if nobody will."""
        times = [self._time(one, open_, now) for one in self.reviewers]
        return min((at for at in times if at is not None), default=None)

    async def act(self, baton: Baton, open_: Sequence[Review], now: float) -> None:
        """Have those whose time has come answer, or take the next question."""
        for one in self.reviewers:
            at = self._time(one, open_, now)
            if at is None or at > now:
                continue
            task = self.tasks.pop(one.name, None)
            if task is not None:
                await self._answer(baton, one, task.review, now)
                self.rested[one.name] = now
            else:
                await self._take(baton, one, open_, now)

    def _time(self, one: Reviewer, open_: Sequence[Review], now: float) -> float | None:
        task = self.tasks.get(one.name)
        if task is not None:
            return task.until
        looks = [self._looks(one, review) for review in open_ if self._may(one, review, now)]
        if not looks:
            return None
        return one.free_at(max(min(looks), self.rested.get(one.name, 0.0)))

    def _may(self, one: Reviewer, review: Review, now: float) -> bool:
        taken = review.claimed_by is not None and (review.claimed_until or 0.0) > now
        taken = taken or any(task.review.id == review.id for task in self.tasks.values())
        named = not review.reviewers or not one.person.called.isdisjoint(review.reviewers)
        voted = any(vote.by == one.name for vote in review.votes)
        theirs = review.assigned in (None, one.name)
        return not taken and named and theirs and not voted and one.skills.issuperset(review.skills)

    async def _take(self, baton: Baton, one: Reviewer, open_: Sequence[Review], now: float) -> None:
        """Take the question that the queue's discipline puts first."""
        free = {review.id: review for review in open_ if self._may(one, review, now)}
        turns = [_turn(review) for review in sorted(free.values(), key=self.place)]
        if not turns:  # somebody was faster
            self.rested[one.name] = now + AGAIN
            return
        review = free[ReviewId(urgent_first(now, turns).id)]
        thinks = self._thinks(one, review)
        try:
            await baton.reviews.claim(review.id, one.name, self._held(thinks))
        except Conflict:  # it was withdrawn meanwhile
            self.rested[one.name] = now + AGAIN
            return
        self.tasks[one.name] = Task(review, now + thinks)

    async def _answer(self, baton: Baton, one: Reviewer, review: Review, now: float) -> None:
        answers = self._answers(one, review, now)
        for answer in answers:
            try:
                await baton.decide(review.id, answer)
            except BatonError:  # it was withdrawn or late, or policy refuses the edit: then the next best
                continue
            self.answered.setdefault(one.name, []).append(now)
            return

    def _answers(self, one: Reviewer, review: Review, now: float) -> list[Answer]:
        """What they would say, the best first."""
        known = self.knows(review)
        says = partial(Answer, by=one.name, channel="simulated")
        no, yes = says(kind=DecisionKind.REJECT, note=known.says or WRONGLY), says(kind=DecisionKind.APPROVE)
        match review.kind:
            case ReviewKind.QUESTION:
                return [says(kind=DecisionKind.RESPOND, note=known.says or "Do what our policy says.")]
            case ReviewKind.DOUBT:
                happened = says(kind=DecisionKind.RESPOND, note=known.says or "It happened.")
                return [happened if known.right else yes if known.right is False else no]
            case ReviewKind.TROUBLE:
                self.troubles[review.run] = self.troubles.get(review.run, 0) + 1
                return [yes if self.troubles[review.run] <= PATIENCE else no]
            case ReviewKind.ACTION:
                if self.finds_right(one, review, known, now):
                    return [yes]
                if known.right is not False:  # a mistake of theirs: there is nothing to put right
                    return [says(kind=DecisionKind.REJECT, note=WRONGLY)]
                edits = known.instead is not None and self._dice(review, one, "edits").random() < one.edits
                edit = says(kind=DecisionKind.EDIT, arguments=dict(known.instead or {}), note=known.says)
                return [edit, no] if edits else [no]

    def finds_right(self, one: Reviewer, review: Review, known: Known, now: float) -> bool:
        """Whether they take an action for right; of what nobody knows anything, they let it pass."""
        right = known.right is not False
        lately = sum(now - SHIFT < at <= now for at in self.answered.get(one.name, ()))
        mistaken = one.mistaken(review.verdict.kind, right, review.question.get("confidence"), lately)
        return right is not (self._dice(review, one, "mistaken").random() < mistaken)

    def _looks(self, one: Reviewer, review: Review) -> float:
        """When somebody comes to look at a question that is open."""
        key = (review.id, one.name)
        if key not in self.looks:
            self.looks[key] = review.opened_at + one.looks.draw(self._dice(review, one, "looks"))
        return self.looks[key]

    def _thinks(self, one: Reviewer, review: Review) -> float:
        return one.thinks.draw(self._dice(review, one, "thinks"))

    @staticmethod
    def _held(thinks: float) -> float:
        """How long a question is claimed that takes so long: a claim that lapses would let others take it."""
        return thinks + AGAIN

    def _dice(self, review: Review, one: Reviewer, what: str) -> Random:
        place = self.place(review)
        return dice(self.seed, self.repeat, place.case, f"question {place.step}", one.name, what)


def _turn(review: Review) -> Turn:
    """What the discipline sees, due to the minute: how fast this machine asked must not decide who is first."""
    return Turn(id=review.id, due=round(review.due / 60) * 60.0, cost=review.cost)
