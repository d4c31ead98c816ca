"""What a person needs to decide a question: the question, its run, what happened, what was said."""

from dataclasses import dataclass, field
from typing import Any

from baton.core import FactId
from baton.graph.briefing import change_text, facts_changed
from baton.ledger import Review, Run, Transaction, remarks, reviews, runs
from baton.ledger.facts import Change
from baton.ledger.remarks import Remark
from baton.review.deciding import answers_to
from baton.review.outlook import NOTHING, Outlook, outlooks
from baton.review.record import outlook_json, remark_json, review_json, run_json
from baton.story import Moment, moment_json, told


@dataclass(frozen=True)
class ReviewPage:
    """A review with what a person needs to decide it.

    Attributes:
        run: The run that asks.
        story: What it has done so far.
        remarks: What was said about it without deciding it.
        outlook: When an answer is expected, and whether anybody is there to give it.
        changed: Facts that the action rests on and that have stopped standing since it was asked.
    """

    review: Review
    run: Run
    story: list[Moment]
    remarks: list[Remark]
    outlook: Outlook
    changed: list[Change] = field(default_factory=list[Change])

    @property
    def asked_at(self) -> int:
        """How many moments of the story come before the question."""
        places = (at for at, one in enumerate(self.story) if one.event.data.get("review") == self.review.id)
        return next(places, len(self.story))

    @property
    def since(self) -> list[Moment]:
        """What else has happened in the run since it was asked."""
        later = self.story[self.asked_at :]
        return [moment for moment in later if moment.event.data.get("review") != self.review.id]


def read_page(tx: Transaction, review: str) -> ReviewPage:
    """Everything about a review, in one look at the ledger.

    Raises:
        NotFound, Ambiguous: if none or several have this beginning of an id.
    """
    known = reviews.get(tx, reviews.find(tx, review))
    outlook = outlooks(tx, [known]).get(known.id, NOTHING)
    ids = [FactId(id) for id in known.question.get("facts") or ()]
    changed = facts_changed(tx, known.tenant, ids, known.opened_at)
    return ReviewPage(known, runs.get(tx, known.run), told(tx, known.run), remarks.of(tx, known.id), outlook, changed)


def page_json(page: ReviewPage) -> dict[str, Any]:
    """A page as JSON: the review, and beside it all that `ReviewPage` names."""
    return {
        **review_json(page.review),
        **outlook_json(page.outlook),
        "answers": [kind.value for kind in answers_to(page.review.kind)],
        "goal": run_json(page.run),
        "story": [moment_json(moment) for moment in page.story],
        "since": [moment_json(moment) for moment in page.since],
        "changed": [change_text(change) for change in page.changed],
        "remarks": [remark_json(remark) for remark in page.remarks],
    }
