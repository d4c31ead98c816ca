"""What the pages of reviews show: the list, and the chosen question in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from baton.changes import Change, changes, drift
from baton.core import InvalidValue, ReviewId
from baton.core.texts import call, one_line, value
from baton.graph.briefing import change_text
from baton.grounds import origin, reason, why
from baton.ledger import Review, ReviewKind, Source, Transaction, people, reviews
from baton.pages import ReviewPage, read_page
from baton.review.deciding import answers_to
from baton.review.queue import hold_for
from baton.rows import Row
from baton.telling import Told, asked, asks, decided, due, proposed, tell

PAGE = 50
"""Reviews that a list shows at a time."""

_STEPS = 12
"""Steps of the agent that are shown, the newest."""

_SOON = 3600.0
"""From how many seconds before its deadline on a question stands out."""

_FILTERS = ("agent", "tool", "run")

_NO_STEPS = frozenset({"run.submitted", "review.opened", "review.expected"})

_WORDS = {
    ReviewKind.ACTION: {"approve": "Approve", "respond": "Answer", "reject": "Reject"},
    ReviewKind.QUESTION: {"approve": "Approve", "respond": "Answer", "reject": "Decline"},
    ReviewKind.DOUBT: {"approve": "It did not happen: run it", "respond": "It did happen", "reject": "Stop"},
    ReviewKind.TROUBLE: {"approve": "Go on", "respond": "Go on, and tell it", "reject": "End the run"},
}


@dataclass(frozen=True)
class View:
    """Which questions a list shows.

    Attributes:
        name: `open`, `mine` or `decided`.
        filters: What they have in common: agent, tool or run.
    """

    name: str
    filters: dict[str, str]

    @classmethod
    def of(cls, given: dict[str, str]) -> "View":
        """The view that an address names.

        Raises:
            InvalidValue: if there is none of that name.
        """
        name = given.get("view", "open")
        if name not in dict(VIEWS):
            raise InvalidValue("view", name, " or ".join(dict(VIEWS)))
        return cls(name, {key: given[key] for key in _FILTERS if given.get(key)})

    @property
    def query(self) -> str:
        """As an address names it."""
        return urlencode({"view": self.name, **self.filters})

    @property
    def empty(self) -> str:
        """What is said where it shows nothing."""
        return _EMPTY[self.name]


VIEWS = (("open", "Open"), ("mine", "Mine"), ("decided", "Decided"))
_EMPTY = {
    "open": "Nothing waits for people. Questions appear here by themselves.",
    "mine": "You have claimed nothing, and nothing was given to you.",
    "decided": "Nothing was decided yet.",
}


@dataclass(frozen=True)
class Card:
    """A question as a list shows it."""

    id: ReviewId
    version: int
    agent: str
    asked: str
    reason: str
    due: str
    soon: bool
    late: bool
    grave: bool
    held: bool
    claimed_by: str | None
    assigned: str | None
    decided: str
    decided_tone: str


@dataclass(frozen=True)
class Listed:
    """One page of a list; `more` is where the next one begins, None on the last."""

    reviews: list[Card]
    more: ReviewId | None


@dataclass(frozen=True)
class Field:
    """An argument that can be edited.

    Attributes:
        kind: `text`, `flag`, or `value`, which is typed as JSON.
        text: What it is now, as it is typed.
    """

    name: str
    kind: str
    text: str

    @property
    def rows(self) -> int:
        """Lines that it takes."""
        return min(10, max(1, self.text.count("\n") + 1 + len(self.text) // 80))


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The question that is looked at, in words.

    Attributes:
        page: What is on record.
        title: What the agent does by asking.
        what: What the answer is about.
        news: What has become of it; empty while it waits.
        gone: Whether nobody can answer it any more though no person did.
        arguments: Name, value and where it came from.
        known: What else is known of a doubt.
        options: What a question offers as answers.
        hold: Seconds for which a decision can be undone.
        earlier: Steps of the agent that are not shown.
        drift: What it rests on and is not as it was when it was approved, or read.
        changed: Facts that it rests on and that have stopped standing since it was asked.
        alike: Other questions that ask for the very same, with their goals.
        people: To whom it can be given.
    """

    page: ReviewPage
    card: Card
    title: str
    what: str
    news: str
    gone: bool
    reason: str
    why: list[Row]
    drift: list[Change]
    changed: list[str]
    changes: list[Change]
    changes_unknown: str
    arguments: list[tuple[str, Any, str]]
    fields: list[Field]
    call: str
    known: list[Row]
    options: list[Any]
    answers: tuple[str, ...]
    words: dict[str, str]
    hold: float
    before: list[Told]
    since: list[Told]
    earlier: int
    alike: list["Alike"]
    people: list[str]
    may_propose: bool

    @property
    def id(self) -> ReviewId:
        """Its id."""
        return self.page.review.id


@dataclass(frozen=True)
class Alike:
    """A question that asks for the very same."""

    id: ReviewId
    version: int
    goal: str


def listed(tx: Transaction, view: View, name: str, after: str | None = None, most: int = PAGE) -> Listed:
    """A page of a list, for whoever is called so."""
    last = reviews.find(tx, after) if after is not None else None
    found = _found(tx, view, name, last, most + 1)
    return Listed([card(one, tx.now) for one in found[:most]], found[most - 1].id if len(found) > most else None)


def _found(tx: Transaction, view: View, name: str, after: ReviewId | None, most: int) -> list[Review]:
    if view.name == "decided":
        return reviews.decided(tx, most, after)
    only = cast("dict[str, Any]", view.filters)
    if view.name == "open":
        return reviews.listed(tx, limit=most, after=after, **only)
    if after is not None:
        return []
    mine = [*reviews.listed(tx, claimed_by=name, **only), *reviews.listed(tx, assigned=name, **only)]
    return sorted({one.id: one for one in mine}.values(), key=lambda one: one.due)[: most - 1]


def card(review: Review, now: float) -> Card:
    """A question as a list shows it."""
    left = None if review.deadline is None else review.deadline - now
    said = review.decision or review.held
    return Card(
        id=review.id,
        version=review.version,
        agent=review.agent,
        asked=asked(review, 200),
        reason=one_line(reason(review), 160),
        due=due(review, now),
        soon=left is not None and 0 < left <= _SOON,
        late=left is not None and left <= 0,
        grave=review.verdict.grave,
        held=review.held is not None,
        claimed_by=review.claimed_by,
        assigned=review.assigned,
        decided=decided(said, "it") if said is not None else "",
        decided_tone=_tone(review),
    )


def _tone(review: Review) -> str:
    if review.decision is None or review.decision.source is not Source.PERSON:
        return ""
    return "bad" if review.decision.kind.value == "reject" else "good"


def read_alike(tx: Transaction, found: Sequence[Review]) -> list[Alike]:
    """Questions that ask for the very same, with what their runs are about."""
    return [Alike(one.id, one.version, read_page(tx, one.id).run.goal.statement) for one in found]


def chosen(tx: Transaction, id: str, alike: list[Alike] | None = None) -> Chosen:
    """The question of an id, in words.

    Raises:
        NotFound, Ambiguous: if none or several have this beginning of an id.
    """
    page = read_page(tx, id)
    review, now = page.review, tx.now
    traced = cast("dict[str, Any]", review.verdict.evidence.get("arguments") or {})
    given, steps = proposed(review), _told(page, before=True)
    roster = people.roster(tx)
    news, gone = _news(review)
    return Chosen(
        page=page,
        card=card(review, now),
        title=f"{one_line(review.agent)} {asks(review)}",
        what=_what(review),
        news=news,
        gone=gone,
        reason=reason(review),
        why=why(review, now, page.outlook),
        drift=drift(review.question),
        changed=[one_line(change_text(change), 400) for change in page.changed],
        changes=changes(review.question),
        changes_unknown=str(review.question.get("changes_unknown") or ""),
        arguments=[(name, said, origin(traced.get(name))) for name, said in given.items()],
        fields=[_field(name, said) for name, said in given.items()],
        call=call(review.tool, given, 500) if given and review.kind is not ReviewKind.QUESTION else "",
        known=_known(review),
        options=list(given.get("options") or ()) if review.kind is ReviewKind.QUESTION else [],
        answers=tuple(kind.value for kind in answers_to(review.kind)),
        words=_WORDS[review.kind],
        hold=hold_for(review, now),
        before=steps[-_STEPS:],
        since=_told(page, before=False),
        earlier=max(0, len(steps) - _STEPS),
        alike=alike or [],
        people=sorted({one.name for one in roster.people} | {role for one in roster.people for role in one.roles})
        if roster is not None
        else [],
        may_propose=_was_approved(review),
    )


def _what(review: Review) -> str:
    if review.kind is not ReviewKind.ACTION:
        return "The question"
    return "If approved, this happens" if review.open else "What was proposed"


def _news(review: Review) -> tuple[str, bool]:
    """What has become of a question that waits no more, and whether it is past answering though nobody answered."""
    decision = review.decision
    if decision is None:
        return "", False
    told = decided(decision, "it") + (f": {decision.note}" if decision.note else "")
    if decision.source is Source.PERSON:
        return told, False
    return f"{told}. There is nothing left to decide here; the run has gone on.", True


def _known(review: Review) -> list[Row]:
    known = cast("dict[str, Any]", review.question.get("known") or {})
    rows = [Row(one_line(name), one_line(str(said))) for name, said in known.items()]
    return [*rows, Row("answers", str(review.question["answers"]), "quiet")] if "answers" in review.question else rows


def _told(page: ReviewPage, *, before: bool) -> list[Told]:
    story = page.story[: page.asked_at] if before else page.since
    return [line for one in story if one.event.kind not in _NO_STEPS and (line := tell(one)) is not None]


def _was_approved(review: Review) -> bool:
    decision = review.decision
    approved = decision is not None and decision.kind.value in ("approve", "edit") and decision.source is Source.PERSON
    return approved and review.kind is ReviewKind.ACTION


def _field(name: str, said: Any) -> Field:
    if isinstance(said, str):
        return Field(name, "text", said)
    return Field(name, "flag" if isinstance(said, bool) else "value", value(said))
