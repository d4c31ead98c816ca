"""What became of each review, from the record: asked, claimed, answered, delivered, carried out."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, or_, select

from baton.core import ReviewId, RunId
from baton.ledger import reviews
from baton.ledger.decisions import DecisionKind, Source
from baton.ledger.effects import EffectState
from baton.ledger.reviews import Review
from baton.ledger.schema import effects, events
from baton.ledger.schema_people import audits, decisions
from baton.ledger.transaction import Transaction

AT_ONCE = 500
"""Ids that one statement names."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Somebody had a review to themselves, from `start` up to `end`, in seconds since 1970."""

    by: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person answered to a review and has not undone; `arguments` are None where they are as proposed."""

    by: str
    kind: DecisionKind
    arguments: Mapping[str, Any] | None
    at: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """What somebody said who looked back at an action that ran alone."""

    action: str
    kind: str
    by: str
    wrong: bool


@dataclass(kw_only=True)
class Course:
    """What became of a review.

    Attributes:
        review: It, as it stands.
        opened: When its run's events say that it was asked; None where they do not.
        closed: When they say that it was closed; None where they do not.
        claims: Who had it to themselves, and when, in order.
        said: What people answered, in order.
        delivered: When its run went on after the decision had reached it; None while it has not.
        effect: How far the action was carried out that it is about; None where nobody has begun to.
    """

    review: Review
    opened: float | None = None
    closed: float | None = None
    claims: list[Claim] = field(default_factory=list[Claim])
    said: list[Said] = field(default_factory=list[Said])
    delivered: float | None = None
    effect: EffectState | None = None


def courses(tx: Transaction, since: float) -> list[Course]:
    """What became of the reviews that were closed since a time, in the order of their closing, and of the open ones."""
    return courses_of(tx, (*reviews.closed(tx, since), *reviews.waiting(tx)))


def courses_of(tx: Transaction, asked: Iterable[Review]) -> list[Course]:
    """What became of some reviews, in their order."""
    found = [Course(review=review) for review in asked]
    by_review = {course.review.id: course for course in found}
    by_run = defaultdict[RunId, dict[ReviewId, Course]](dict)
    for course in found:
        by_run[course.review.run][course.review.id] = course
    for run, rows in _grouped(tx, by_run).items():
        _follow(by_run[run], rows)
    for ids in _parts(by_review):
        for row in tx.rows(_SAID, reviews=ids):
            given = None if row.arguments is None else json.loads(row.arguments)
            said = Said(by=row.by, kind=DecisionKind(row.kind), arguments=given, at=row.at)
            by_review[row.review].said.append(said)
    by_action = {course.review.action: course for course in found if course.review.action is not None}
    for ids in _parts(by_action):
        for row in tx.rows(_EFFECTS, actions=ids):
            by_action[row.key].effect = EffectState(row.state)
    return found


def looks(tx: Transaction, since: float) -> list[Look]:
    """What people have said since a time who looked back at actions, each action's looks together."""
    rows = tx.rows(_LOOKS, since=since)
    return [Look(action=row.action, kind=row.kind, by=row.by, wrong=bool(row.wrong)) for row in rows]


def _parts(ids: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(ids)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))


def _grouped(tx: Transaction, runs: Iterable[RunId]) -> Mapping[RunId, list[Any]]:
    """The events of runs that say something of reviews, or that the run goes on, in order."""
    found = defaultdict[RunId, list[Any]](list)
    tx.flush()
    for ids in _parts(runs):
        for row in tx.rows(_EVENTS, runs=ids):
            found[RunId(row.run)].append(row)
    return found


def _follow(asked: Mapping[ReviewId, Course], rows: Sequence[Any]) -> None:
    """Tell the courses of a run's reviews what its events say of them."""
    held: dict[ReviewId, Claim] = {}
    reached: list[Course] = []
    for row in rows:
        if row.kind not in _ABOUT_REVIEWS:
            for one in reached:
                one.delivered = row.at
            reached.clear()
            continue
        data = json.loads(row.data)
        course = asked.get(data.get("review") or data.get("ref"))
        if course is None:
            continue
        if row.kind == "message.decision":
            reached.append(course)
            continue
        before = held.get(course.review.id)
        if before is not None and (row.kind != "review.snoozed" or data["by"] == before.by):
            course.claims[-1] = Claim(by=before.by, start=before.start, end=min(row.at, before.end))
            del held[course.review.id]
        match row.kind:
            case "review.opened":
                course.opened = row.at
            case "review.closed":
                course.closed = row.at
            case "review.claimed":
                held[course.review.id] = Claim(by=data["by"], start=row.at, end=data["until"])
                course.claims.append(held[course.review.id])
            case _:
                pass  # nobody has it any more


_FREES = frozenset(f"review.{how}" for how in ("released", "snoozed", "delegated", "approved", "held", "undone"))
"""After which nobody has a review to themselves; a snooze only where it is theirs."""

_ABOUT_REVIEWS = _FREES | {"review.opened", "review.claimed", "review.closed", "message.decision"}
_GOES_ON = ("action.judged", "model.answered", "call.recorded", "handoff.offered", "run.ended")
"""What a run does once it has read its mail; effects as well."""

_EVENTS = (
    select(events.c.run, events.c.kind, events.c.data, events.c.at)
    .where(
        events.c.run.in_(bindparam("runs", expanding=True)),
        or_(events.c.kind.in_((*sorted(_ABOUT_REVIEWS), *_GOES_ON)), events.c.kind.startswith("effect.")),
    )
    .order_by(events.c.run, events.c.seq)
)
_SAID = (
    select(decisions.c.review, decisions.c.by, decisions.c.kind, decisions.c.arguments, decisions.c.at)
    .where(
        decisions.c.review.in_(bindparam("reviews", expanding=True)),
        decisions.c.source == Source.PERSON,
        decisions.c.undone_at.is_(None),
    )
    .order_by(decisions.c.at, decisions.c.id)
)
_EFFECTS = select(effects.c.key, effects.c.state).where(effects.c.key.in_(bindparam("actions", expanding=True)))
_LOOKS = (
    select(audits.c.action, audits.c["class"].label("kind"), audits.c.by, audits.c.wrong)
    .where(audits.c.at >= bindparam("since"), audits.c.state == "closed")
    .order_by(audits.c.action, audits.c.look)
)
