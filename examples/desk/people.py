"""The simulated reviewers of the promise play: they know what is due, answer some mails later, and err now and then."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from complaints import Complaint

from baton import Baton
from baton.core import RunId
from baton.ledger import Review, Transaction, audits, reviews, runs
from baton.ledger.audits import Audit

NAMES = ("ann", "bob", "cem")


@dataclass(frozen=True)
class Asked:
    """Something that people are asked: to decide before, or to look back after.

    Attributes:
        run: The desk's run that it belongs to.
    """

    run: RunId
    complaint: Complaint
    about: Review | Audit

    @property
    def look(self) -> int:
        """0 for a review; for an audit which look it is."""
        return self.about.look if isinstance(self.about, Audit) else 0


@dataclass(frozen=True, kw_only=True)
class People:
    """Who decides and looks back.

    Attributes:
        slow: How many further mails come in before something is answered.
        careless: The share of answers that are wrong.
        seed: The same seed errs in the same places.
    """

    slow: int
    careless: float
    seed: int

    async def answer(self, baton: Baton, complaints: Mapping[RunId, Complaint], arrived: int) -> list[RunId]:
        """Answer, in the mails' order, what has waited long enough now that so many mails have come in.

        Returns:
            The desk's runs that something was answered of.
        """
        asked = await baton.ledger.read(lambda tx: _waiting(tx, complaints))
        due = [one for one in asked if one.complaint.number <= arrived - self.slow]
        for one in due:
            if isinstance(one.about, Review):
                await self._decide(baton, one, one.about)
            else:
                await self._look_back(baton, one, one.about)
        return [one.run for one in due]

    async def _decide(self, baton: Baton, asked: Asked, review: Review) -> None:
        if review.tool != "refund":
            raise RuntimeError(f"{asked.run}: nobody here answers {review.question['summary']}")
        complaint, arguments, who = asked.complaint, review.question["arguments"], self._who(asked)
        if self._finds_right(asked, arguments):
            await baton.approve(review.id, by=who)
        elif complaint.due and not complaint.is_due(arguments):
            await baton.edit(review.id, {**arguments, "cents": complaint.due}, by=who, note=complaint.why)
        else:
            await baton.reject(review.id, complaint.why, by=who)

    async def _look_back(self, baton: Baton, asked: Asked, audit: Audit) -> None:
        right = self._finds_right(asked, audit.question["arguments"])
        note = "" if right else asked.complaint.why
        await baton.audits.answer(audit.id, wrong=not right, by=self._who(asked), note=note)

    def _finds_right(self, asked: Asked, arguments: dict[str, object]) -> bool:
        dice = random.Random(f"people {self.seed} {asked.complaint.number} {asked.look}")
        return asked.complaint.is_due(arguments) is not (dice.random() < self.careless)

    @staticmethod
    def _who(asked: Asked) -> str:
        return NAMES[(asked.complaint.number + asked.look) % len(NAMES)]


def _waiting(tx: Transaction, complaints: Mapping[RunId, Complaint]) -> list[Asked]:
    """What waits for people of these complaints, in the mails' order."""
    open_: Sequence[Review | Audit] = [*reviews.waiting(tx), *audits.waiting(tx)]
    asked: list[Asked] = []
    for about in open_:
        run = RunId(runs.get(tx, about.run).conversation)  # what is handed on stays in the desk's conversation
        if run in complaints:
            asked.append(Asked(run, complaints[run], about))
    return sorted(asked, key=lambda one: (one.complaint.number, one.look))
