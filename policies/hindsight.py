"""What another policy would have said of the actions on record, and what is known of how those came out.

Verdicts are exact: they are given by the labels and circumstances that each action was judged with. Outcomes are not
made up: of what never ran, nobody knows how it would have ended.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from baton.core import Action, Assessed, Certificate, Charge, Question, Ruling, Spent, ToolSpec, Verdict, Window
from baton.ledger.judged import Judged
from baton.policies.cedar import CedarPolicy, Recorded

ASKED_TOO_OFTEN = "open-questions"
"""What a verdict cites where a question was not asked because too many of the run wait already."""

TOLD_NO = "round-trips"
"""What a verdict cites where a question was not asked because people have said no to such too often."""

_UNASKED = frozenset({ASKED_TOO_OFTEN, TOLD_NO})


class Outcome(StrEnum):
    """What is known of an action."""

    DONE = "done"  # it ran, and nobody has said that it was wrong
    APPROVED = "approved"
    CHANGED = "approved with changes"
    REJECTED = "rejected"
    FAILED = "failed"
    OPEN = "not answered"
    UNKNOWN = "never ran"


@dataclass(frozen=True)
class Change:
    """An action of which two policies say different things."""

    judged: Judged
    before: Ruling
    now: Verdict
    outcome: Outcome


@dataclass(frozen=True)
class Hindsight:
    """How two policies compare over the record.

    Attributes:
        judged: How many actions both could judge.
        unjudged: How many one of them could not: their labels are not on record, or do not fit the tools any more.
        changes: Those of which they say different things, oldest first.
    """

    judged: int
    unjudged: int
    changes: tuple[Change, ...]

    def moved(self, before: Ruling, now: Ruling) -> tuple[Change, ...]:
        """The changes from one ruling to another."""
        return tuple(one for one in self.changes if one.before is before and one.now.ruling is now)

    @property
    def fewer_questions(self) -> int:
        """How many questions people would not have been asked, less those they would have been asked in addition."""
        asked = sum(one.before is Ruling.ASK for one in self.changes)
        return asked - sum(one.now.ruling is Ruling.ASK for one in self.changes)

    @property
    def against_people(self) -> tuple[Change, ...]:
        """Actions that people rejected or changed, and that would have run alone as they were proposed."""
        wrong = (Outcome.REJECTED, Outcome.CHANGED)
        return tuple(one for one in self.changes if one.now.ruling is Ruling.ALLOW and one.outcome in wrong)

    @property
    def unknown(self) -> tuple[Change, ...]:
        """Actions that would have run, of which nobody knows how they would have come out."""
        open_ = (Outcome.UNKNOWN, Outcome.OPEN)
        return tuple(one for one in self.changes if one.now.ruling is Ruling.ALLOW and one.outcome in open_)

    @property
    def wrong(self) -> tuple[int, int]:
        """At least and at most how many actions would have run alone that were wrong as they were proposed."""
        known = len(self.against_people)
        return known, known + len(self.unknown)

    def told(self, over: str) -> str:
        """The comparison in a sentence; `over` says over what."""
        fewer = self.fewer_questions
        questions = "question" if abs(fewer) == 1 else "questions"
        parts = [f"{abs(fewer)} {'fewer' if fewer >= 0 else 'more'} {questions}"]
        against = Counter(one.outcome for one in self.against_people)
        parts += [f"{count} that people {_said(outcome)} would have run alone" for outcome, count in against.items()]
        stopped = sum(one.before is Ruling.ALLOW and one.now.ruling is Ruling.DENY for one in self.changes)
        parts += [f"{stopped} that ran would have been denied"] if stopped else []
        if self.unknown:
            least, most = self.wrong
            parts.append(f"outcomes unknown for {len(self.unknown)}: {least} to {most} wrong ones would have run")
        return f"{over}: {', '.join(parts)}"


Judge = Callable[[Judged], Verdict | None]
"""What somebody says of an action on record; None where that cannot be told."""


@dataclass(frozen=True)
class _AsRecorded:
    """A certificate that says of an action what it said then."""

    assessed: Assessed

    def assess(self, action: Action, signals: Mapping[str, float], coin: float) -> Assessed:
        return self.assessed

    def still_allows(self, assessed: Assessed) -> bool:
        return assessed.alone


class Replayed:
    """A policy at the record: each action as it was, in order, with what the policy itself would have let be spent."""

    def __init__(self, policy: CedarPolicy, tools: Iterable[ToolSpec]) -> None:
        self._policy = policy
        self._tools = {spec.name: spec for spec in tools}
        self._spent: list[tuple[float, Charge]] = []

    def __call__(self, judged: Judged) -> Verdict | None:
        """What the policy says; None where it cannot be told."""
        action, evidence = judged.proposal.action, judged.proposal.verdict.evidence
        spec = self._tools.get(action.tool)
        if spec is None:
            return None
        question = Question(
            action=action,
            tool=spec,
            requester=judged.requester,
            goal=judged.goal,
            goal_trust=judged.goal_trust,
            now=judged.at,
        )
        question = replace(question, certificates=self._as_recorded(judged.proposal.verdict.assessed))
        question = replace(question, setting=replace(question.setting, tenant=_tenant(evidence)))
        windows = self._policy.windows(question.scopes)
        question = replace(question, spent={window: self._in(window, judged.at) for window in windows})
        verdict = self._policy.rejudge(Recorded(question, evidence))
        if verdict is not None and (verdict.ruling is Ruling.ALLOW or _ran(judged)):
            self._spent += [(judged.at, charge) for charge in verdict.charges]
        return verdict

    def _as_recorded(self, assessed: Assessed | None) -> Mapping[str, Certificate]:
        """What a certificate said of it then, where the policy still promises the same."""
        if assessed is None or self._policy.promises.get(assessed.kind) != assessed.promise:
            return {}
        return {assessed.kind: _AsRecorded(assessed)}

    def _in(self, window: Window, now: float) -> Spent:
        since = 0.0 if window.seconds is None else now - window.seconds
        found = Spent()
        for at, charge in self._spent:
            if charge.account == window.account and at > since:
                found += charge
        return found


def recorded(judged: Judged) -> Verdict:
    """What policy said of it then; what it asked about and nobody was asked again is a question all the same."""
    verdict = judged.proposal.verdict
    unasked = not _UNASKED.isdisjoint(verdict.rules)
    asked = verdict.ruling is Ruling.DENY and (judged.proposal.review is not None or unasked)
    return replace(verdict, ruling=Ruling.ASK) if asked else verdict


def shadow(judged: Judged) -> Verdict | None:
    """What the shadow policy said beside it; None where there was none."""
    said = judged.proposal.verdict.evidence.get("shadow")
    if said is None:
        return None
    return Verdict(
        ruling=Ruling(said["ruling"]), rules=tuple(said["rules"]), reason=said["reason"], policy=said["policy"]
    )


def compare(history: Sequence[Judged], before: Judge, now: Judge) -> Hindsight:
    """Hold two judges against the record."""
    changes: list[Change] = []
    judged = 0
    for one in history:
        first, second = before(one), now(one)
        if first is None or second is None:
            continue
        judged += 1
        if first.ruling is not second.ruling:
            changes.append(Change(one, first.ruling, second, outcome(one)))
    return Hindsight(judged, len(history) - judged, tuple(changes))


def outcome(judged: Judged) -> Outcome:
    """What is known of an action: a person's word goes before what its tool said."""
    match judged.decision:
        case "approve":
            return Outcome.APPROVED
        case "edit":
            return Outcome.CHANGED
        case "reject":
            return Outcome.REJECTED
        case _:
            pass
    if judged.effect == "done":
        return Outcome.DONE
    if judged.effect == "failed":
        return Outcome.FAILED
    return Outcome.OPEN if judged.proposal.verdict.ruling is Ruling.ASK else Outcome.UNKNOWN


def _said(outcome: Outcome) -> str:
    return "changed" if outcome is Outcome.CHANGED else "rejected"


def _ran(judged: Judged) -> bool:
    return judged.effect == "done"


def _tenant(evidence: Mapping[str, Any]) -> str:
    context: Mapping[str, Any] = evidence.get("context") or {}
    return str(context.get("tenant", "local"))
