"""Measuring how reviews go, from what became of each."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from baton.flow.answers import Share, as_proposed, looked_alike, pairs, too_fast
from baton.flow.figures import Figures, Measures
from baton.flow.littles_law import LittlesLaw, littles_law
from baton.flow.parts import Parts, Presence, presence, split
from baton.flow.staff import Interval, Staff
from baton.ledger import Decision, DecisionKind, Source, Transaction
from baton.ledger.courses import Course, Look, courses, looks


def read_measures(tx: Transaction, since: float, staff: Staff) -> Measures:
    """How the reviews went that were closed since a time, and how those go that are open."""
    return measure(courses(tx, since), looks(tx, since), staff, since, tx.now)


def measure(found: Sequence[Course], looked: Sequence[Look], staff: Staff, since: float, now: float) -> Measures:
    """Measure what became of reviews.

    Args:
        found: The reviews that were closed since `since`, and those that are open.
        looked: What was said since then of actions that ran alone.
        staff: Who may answer, and when they are on duty.
        since: Seconds since 1970.
        now: The time, later than `since`.
    """
    there = _Roll(found, staff, now)
    classes, people = defaultdict[str, _Tally](_Tally), defaultdict[str, _Tally](_Tally)
    for course in found:
        kind, decision = classes[course.review.verdict.kind], course.review.decision
        both = [kind] if decision is None or decision.source is not Source.PERSON else [kind, people[decision.by]]
        for tally in both:
            tally.course(course, there.of(course), now)
        for one, other, alike in pairs(course.said):
            _agree(alike, kind, people[one.by], people[other.by])
    for look, again, alike in looked_alike(looked):
        _agree(alike, classes[look.kind], people[look.by], people[again.by])
    _judge_answers(found, classes, people)
    return Measures(
        since=since,
        until=now,
        classes=tuple(classes[name].figures(name) for name in sorted(classes)),
        people=tuple(people[name].figures(name) for name in sorted(people)),
        law=_law(found, since, now),
    )


@dataclass
class _Tally:
    """Figures in the making."""

    counts: Counter[str] = field(default_factory=Counter[str])
    waits: list[float] = field(default_factory=list[float])
    parts: Parts = field(default_factory=Parts)
    agreed: Share = field(default_factory=Share)
    as_proposed: Share = field(default_factory=Share)
    too_fast: Share = field(default_factory=Share)
    effects: Counter[str] = field(default_factory=Counter[str])

    def course(self, course: Course, there: Presence, now: float) -> None:
        review, decision = course.review, course.review.decision
        self.counts[_how(decision)] += 1
        end = now if decision is None else decision.at
        expired = decision is not None and decision.source is Source.TIMEOUT
        if review.deadline is not None and (expired or end > review.deadline):
            staffed = there.on_duty.seconds(review.opened_at, review.deadline) > 0
            self.counts["avoidable" if staffed else "unavoidable"] += 1
        if decision is None or decision.source is not Source.PERSON:
            return
        if course.delivered is not None:
            claims = [(claim.start, claim.end) for claim in course.claims]
            parts = split(review.opened_at, decision.at, course.delivered, claims, there)
            self.parts += parts
            self.waits.append(parts.whole)
        if review.action is not None and decision.kind in (DecisionKind.APPROVE, DecisionKind.EDIT):
            self.effects["none" if course.effect is None else course.effect.value] += 1

    def figures(self, name: str) -> Figures:
        return Figures(
            name=name,
            answered=self.counts["answered"],
            waiting=self.counts["waiting"],
            expired=self.counts["expired"],
            withdrawn=self.counts["withdrawn"],
            waits=tuple(sorted(self.waits)),
            parts=self.parts,
            avoidable=self.counts["avoidable"],
            unavoidable=self.counts["unavoidable"],
            agreed=self.agreed,
            as_proposed=self.as_proposed,
            too_fast=self.too_fast,
            effects=dict(sorted(self.effects.items())),
        )


def _how(decision: Decision | None) -> str:
    return "waiting" if decision is None else _HOW[decision.source]


_HOW = {Source.PERSON: "answered", Source.TIMEOUT: "expired", Source.POLICY: "withdrawn"}


def _agree(alike: bool, *tallies: _Tally) -> None:
    for tally in tallies:
        tally.agreed = tally.agreed.counted(alike)


def _judge_answers(found: Sequence[Course], classes: Mapping[str, _Tally], people: Mapping[str, _Tally]) -> None:
    """Count each answer for its class and its person, in the order in which they were given."""
    before: dict[str, float] = {}
    given = [(said, course) for course in found for said in course.said]
    for said, course in sorted(given, key=lambda one: one[0].at):
        as_was, fast = as_proposed(course.review, said), too_fast(course, said, before.get(said.by))
        before[said.by] = said.at
        for tally in (classes[course.review.verdict.kind], people[said.by]):
            if as_was is not None:
                tally.as_proposed = tally.as_proposed.counted(as_was)
            if fast is not None:
                tally.too_fast = tally.too_fast.counted(fast)


class _Roll:
    """When those are there who may answer each review; worked out once for each kind of people that are named."""

    def __init__(self, found: Sequence[Course], staff: Staff, now: float) -> None:
        self._staff = staff
        self._window = min((course.review.opened_at for course in found), default=now), now
        self._busy = defaultdict[str, list[Interval]](list)
        for course in found:
            for claim in course.claims:
                self._busy[claim.by].append((claim.start, claim.end))
        self._seen = {said.by for course in found for said in course.said} | self._busy.keys()
        self._known: dict[tuple[frozenset[str], frozenset[str]], Presence] = {}

    def of(self, course: Course) -> Presence:
        """Where nobody knows who may answer, those are taken who have answered or claimed anything; else somebody."""
        review = course.review
        wanted = frozenset(review.reviewers), frozenset(review.skills)
        if wanted not in self._known:
            hours = self._hours(*wanted)
            self._known[wanted] = presence((duty, self._busy.get(name, ())) for name, duty in hours.items())
        return self._known[wanted]

    def _hours(self, reviewers: Collection[str], skills: Collection[str]) -> Mapping[str, Sequence[Interval]]:
        if self._staff.able(reviewers, skills) is None:
            return {name: [self._window] for name in self._seen or {""}}
        return self._staff.duty(reviewers, skills, *self._window)


def _law(found: Sequence[Course], since: float, now: float) -> LittlesLaw:
    logged = [
        (course.opened, math.inf if course.closed is None else course.closed)
        for course in found
        if course.opened is not None
    ]
    decided = [(course.review.decision.at, course.review.opened_at) for course in found if course.review.decision]
    return littles_law(logged, [at - opened for at, opened in decided if at >= since], since, now)
