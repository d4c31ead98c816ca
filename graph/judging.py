"""From a model's reply to recorded proposals: read, judged, and with a review where a person is needed. No I/O."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from baton.agents import ParsedCall, parse
from baton.core import (
    Action,
    Certificate,
    ModelReply,
    Question,
    Reading,
    ReviewId,
    Ruling,
    Spent,
    Verdict,
    Window,
    action_id,
    call_id,
    charged,
    random_id,
)
from baton.graph.forking import echo_of, guarded
from baton.graph.rounds import call_of, rounds
from baton.graph.team import Member
from baton.ledger import DecisionKind, Proposal, Review, ReviewKind, Run
from baton.ledger.forks import Echo
from baton.policies import ASKED_TOO_OFTEN, TOLD_NO


@dataclass(frozen=True, kw_only=True)
class Record:
    """What of a run's past a judgement takes into account.

    Attributes:
        readings: Everything it has read.
        counts: How often each tool was carried out.
        reviews: All its reviews.
        proposals: All its recorded actions.
        now: Seconds since 1970.
        plan: Tools that a plan names which was made before anything below a user's trust was read.
        echoes: For a fork that answers from the record, what the other run did after the turn they part.
        spent: What was used of the policy's limits.
        certificates: By which actions of classes with a promise may run alone.
        errors: How often a call of this run was none, or came back as an error.
    """

    readings: tuple[Reading, ...]
    counts: dict[str, int]
    reviews: Sequence[Review]
    proposals: Sequence[Proposal]
    now: float
    plan: tuple[str, ...] = ()
    echoes: Sequence[Echo] = ()
    spent: Mapping[Window, Spent] = field(default_factory=dict[Window, Spent])
    certificates: Mapping[str, Certificate] = field(default_factory=dict[str, Certificate])
    errors: int = 0


def judge_reply(
    member: Member,
    run: Run,
    turn: int,
    reply: ModelReply,
    record: Record,
    opinions: Sequence[Mapping[str, float]] = (),
) -> list[Proposal]:
    """Every call of a reply as a proposal; those that need a person carry the id of their review.

    Args:
        member: Whose reply it is.
        run: The run.
        turn: The reply's.
        reply: What the model said.
        record: What is known of the run.
        opinions: Further signals for each call, by name; empty where nobody was asked.
    """
    judged: list[Proposal] = []
    for position, call in enumerate(reply.calls):
        parsed = parse(call, member.agent.specs)
        action = _action(member, run, turn, position, parsed)
        problem = parsed.problem
        seen = replace(record, proposals=[*record.proposals, *judged]) if record.echoes and judged else record
        others = opinions[position] if opinions else None
        verdict = _no_call(problem) if problem else judge(member, run, action, seen, others)
        if verdict.ruling is Ruling.ALLOW and verdict.charges:
            record = replace(record, spent=charged(record.spent, verdict.charges))
        review: ReviewId | None = None
        if verdict.ruling is Ruling.ASK:
            verdict, review = _joined(action, verdict, record, judged)
            verdict, review = _unless_flooded(member.agent.open_questions, verdict, review, record, judged)
            if run.compensates is None:  # else its plan is worked off, whatever people say to one step of it
                verdict, review = _unless_told_no(member.agent.round_trips, action, verdict, review, record)
        judged.append(
            Proposal(
                action=action,
                turn=turn,
                position=position,
                raw=call.arguments if problem else None,
                problem=problem,
                verdict=verdict,
                review=review,
            )
        )
    return judged


def judge(
    member: Member, run: Run, action: Action, record: Record, opinions: Mapping[str, float] | None = None
) -> Verdict:
    """Ask the agent's policy about one action; a fork asks about more than policy does.

    Pieces of work that are handed on together are judged one by one, as if each were handed on by itself: the strictest
    of the verdicts is that of all.
    """
    if action.tool == "hand_off_each":
        return _of_each(member, run, action, record, opinions)
    spec = member.agent.specs[action.tool]
    question = Question(
        action=action,
        tool=spec,
        readings=record.readings,
        requester=run.requester,
        goal=run.goal.statement,
        goal_trust=run.trust,
        now=record.now,
        counts=record.counts,
        plan=record.plan,
        rejected=sum(_is_no(review) for review in record.reviews),
        waiting=sum(review.open for review in record.reviews),
        spent=record.spent,
        setting=member.setting_of(run),
        certificates=record.certificates,
        signals={**_signals(action, record), **(opinions or {})},
        coin=random.random(),
    )
    verdict = member.policy.judge(question)
    if member.shadow is not None:
        verdict = replace(verdict, evidence={**verdict.evidence, "shadow": member.shadow.judge(question).document()})
    return guarded(run, action, spec, verdict, echo_of(run, action, record.echoes, record.proposals))


def renewed(verdict: Verdict, anew: Verdict) -> Verdict:
    """A verdict that another judgement confirms: it holds with the limits, the windows and the recall of today."""
    return replace(verdict, charges=anew.charges, windows=anew.windows, recall=anew.recall)


def _of_each(member: Member, run: Run, action: Action, record: Record, opinions: Mapping[str, float] | None) -> Verdict:
    said = action.arguments
    common = {name: said[name] for name in ("to", "contract", "within", "tokens") if said.get(name) is not None}
    found: list[Verdict] = []
    for place, task in enumerate(said["tasks"]):
        payload = {"payload": said["payloads"][place]} if said.get("payloads") else {}
        one = replace(action, tool="hand_off", arguments={**common, "task": task, **payload})
        verdict = judge(member, run, one, record, opinions)
        if verdict.ruling is Ruling.DENY:
            return replace(verdict, reason=f"piece {said['first'] + place}: {verdict.reason}")
        record = replace(record, spent=charged(record.spent, verdict.charges))
        found.append(verdict)
    strictest = next((verdict for verdict in found if verdict.ruling is Ruling.ASK), found[0])
    return replace(strictest, charges=tuple(charge for verdict in found for charge in verdict.charges))


def _action(member: Member, run: Run, turn: int, position: int, parsed: ParsedCall) -> Action:
    spec = member.agent.specs.get(parsed.tool)
    return Action(
        id=action_id(call_id(run.id, turn), position),
        run=run.id,
        agent=member.agent.name,
        tool=parsed.tool,
        version=spec.version if spec else "",
        arguments=parsed.arguments,
        confidence=parsed.confidence,
        margin=parsed.margin,
        reason=parsed.reason,
    )


def _signals(action: Action, record: Record) -> dict[str, float]:
    """What may say how likely an action is right; what is not known is left out."""
    known = {"confidence": action.confidence, "margin": action.margin, "errors": float(record.errors)}
    return {name: value for name, value in known.items() if value is not None}


def _is_no(review: Review) -> bool:
    return review.decision is not None and review.decision.kind is DecisionKind.REJECT


def _no_call(problem: str) -> Verdict:
    return Verdict(ruling=Ruling.DENY, reason=problem, policy="")


def _joined(action: Action, verdict: Verdict, record: Record, judged: Sequence[Proposal]) -> tuple[Verdict, ReviewId]:
    """The review an action waits for: one that asks the same already, else a new one.

    What a person has rejected is not asked again: the verdict becomes a deny that says who rejected it.
    """
    same = call_of(action)
    asked = {p.action.id: p for p in (*record.proposals, *judged)}
    for review in reversed(record.reviews):
        earlier = asked.get(review.action) if review.action else None
        if earlier is None or call_of(earlier.action) != same:
            continue
        if review.open:
            return verdict, review.id
        if review.decision and review.decision.kind is DecisionKind.REJECT:
            reason = (
                f"{review.decision.by} rejected the same in {review.id}: {review.decision.note or 'no reason given'}"
            )
            return _denied(verdict, reason), review.id
    put = {review.id for review in record.reviews}
    for earlier in asked.values():  # one that waits for what it needs before people are asked is none of those yet
        waits = earlier.verdict.ruling is Ruling.ASK and earlier.problem is None and earlier.review not in put
        if earlier.review and waits and call_of(earlier.action) == same:
            return verdict, earlier.review
    return verdict, ReviewId(random_id("rev"))


def _unless_flooded(
    most: int, verdict: Verdict, review: ReviewId, record: Record, judged: Sequence[Proposal]
) -> tuple[Verdict, ReviewId | None]:
    """A further question is refused where as many wait as may: who is asked too often says yes to everything."""
    waiting = {one.id for one in record.reviews if one.open and one.kind is not ReviewKind.TROUBLE}
    waiting |= {one.review for one in judged if one.review and one.verdict.ruling is Ruling.ASK}
    if verdict.ruling is not Ruling.ASK or review in waiting or len(waiting) < most:
        return verdict, review
    reason = f"{len(waiting)} questions of this run wait for people, as many as may: go on once they are answered"
    return replace(_denied(verdict, reason), rules=(ASKED_TOO_OFTEN,)), None


def _unless_told_no(
    most: int, action: Action, verdict: Verdict, review: ReviewId | None, record: Record
) -> tuple[Verdict, ReviewId | None]:
    """What people have said no to as often as may be is not asked again, nor told again that they have."""
    waits = verdict.ruling is Ruling.ASK and any(one.id == review and one.open for one in record.reviews)
    if review is None or waits:
        return verdict, review
    found = rounds(action, verdict.kind, record.proposals, record.reviews)
    if len(found) < most:
        return verdict, review
    reason = f"people have answered {len(found)} such proposals of this run in vain: they are asked what to do now"
    return replace(_denied(verdict, reason), rules=(TOLD_NO,)), None


def flooded(most: int, reviews: Sequence[Review], proposals: Sequence[Proposal]) -> bool:
    """Whether a run has asked for more than it may, and as much still waits."""
    last = max((one.turn for one in proposals), default=0)
    refused = any(ASKED_TOO_OFTEN in one.verdict.rules for one in proposals if one.turn == last)
    return refused and sum(one.open and one.kind is not ReviewKind.TROUBLE for one in reviews) >= most


def _denied(verdict: Verdict, reason: str) -> Verdict:
    return Verdict(
        ruling=Ruling.DENY,
        rules=verdict.rules,
        reason=reason,
        policy=verdict.policy,
        kind=verdict.kind,
        evidence=verdict.evidence,
    )
