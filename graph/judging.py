"""From a model's reply to recorded proposals: read, judged, and with a review where a person is needed. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from baton.agents import ParsedCall, parse
from baton.core import (
    Action,
    ModelReply,
    Question,
    Reading,
    ReviewId,
    Ruling,
    Verdict,
    action_id,
    call_id,
    dump,
    random_id,
)
from baton.graph.forking import echo_of, guarded
from baton.graph.team import Member
from baton.ledger import DecisionKind, Proposal, Review, Run
from baton.ledger.forks import Echo


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
    """

    readings: tuple[Reading, ...]
    counts: dict[str, int]
    reviews: Sequence[Review]
    proposals: Sequence[Proposal]
    now: float
    plan: tuple[str, ...] = ()
    echoes: Sequence[Echo] = ()


def judge_reply(member: Member, run: Run, turn: int, reply: ModelReply, record: Record) -> list[Proposal]:
    """Every call of a reply as a proposal; those that need a person carry the id of their review."""
    judged: list[Proposal] = []
    for position, call in enumerate(reply.calls):
        parsed = parse(call, member.agent.specs)
        action = _action(member, run, turn, position, parsed)
        problem = parsed.problem
        seen = replace(record, proposals=[*record.proposals, *judged]) if record.echoes and judged else record
        verdict = _no_call(problem) if problem else judge(member, run, action, seen)
        review: ReviewId | None = None
        if verdict.ruling is Ruling.ASK:
            verdict, review = _joined(action, verdict, record, judged)
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


def judge(member: Member, run: Run, action: Action, record: Record) -> Verdict:
    """Ask the agent's policy about one action; a fork asks about more than policy does."""
    spec = member.agent.specs[action.tool]
    verdict = member.policy.judge(
        Question(
            action=action,
            tool=spec,
            readings=record.readings,
            requester=run.requester,
            now=record.now,
            counts=record.counts,
            plan=record.plan,
        )
    )
    return guarded(run, action, spec, verdict, echo_of(run, action, record.echoes, record.proposals))


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


def _no_call(problem: str) -> Verdict:
    return Verdict(ruling=Ruling.DENY, reason=problem, policy="")


def _joined(action: Action, verdict: Verdict, record: Record, judged: Sequence[Proposal]) -> tuple[Verdict, ReviewId]:
    """The review an action waits for: one that asks the same already, else a new one.

    What a person has rejected is not asked again: the verdict becomes a deny that says who rejected it.
    """
    same = _same(action)
    asked = {p.action.id: p for p in (*record.proposals, *judged)}
    for review in reversed(record.reviews):
        earlier = asked.get(review.action) if review.action else None
        if earlier is None or _same(earlier.action) != same:
            continue
        if review.open:
            return verdict, review.id
        if review.decision and review.decision.kind is DecisionKind.REJECT:
            reason = (
                f"{review.decision.by} rejected the same in {review.id}: {review.decision.note or 'no reason given'}"
            )
            return _denied(verdict, reason), review.id
    for earlier in judged:
        if earlier.review and _same(earlier.action) == same:
            return verdict, earlier.review
    return verdict, ReviewId(random_id("rev"))


def _same(action: Action) -> tuple[str, str]:
    return action.tool, dump(dict(sorted(action.arguments.items())))


def _denied(verdict: Verdict, reason: str) -> Verdict:
    return Verdict(
        ruling=Ruling.DENY,
        rules=verdict.rules,
        reason=reason,
        policy=verdict.policy,
        kind=verdict.kind,
        evidence=verdict.evidence,
    )
