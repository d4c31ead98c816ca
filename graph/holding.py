"""Whether what an action rests on still holds, right before it is carried out.

What was read for it is read again where it is too old to be taken as it is, and facts are looked up. As it was, the
action goes ahead, and an approval stands. Else whoever approved it is asked anew with the difference; what nobody was
asked about is not carried out, and its agent is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from baton.core import ActionId, Effect, FactId, Label, ReviewId, Ruling, Trust, derived, format_time, random_id
from baton.graph.briefing import facts_changed
from baton.graph.builtins import BUILTIN
from baton.graph.facts import facts_read
from baton.graph.hold import Hold
from baton.graph.job import Job
from baton.graph.outcome import Outcome
from baton.graph.past import Past
from baton.graph.rereading import read_again
from baton.graph.resting import Basis, Drift, as_read, bears_on, declared, drifts, fresh, traced
from baton.graph.scene import Scene
from baton.graph.team import Member
from baton.graph.trouble import open_review
from baton.ledger import (
    DecisionKind,
    EffectRecord,
    EffectState,
    Ledger,
    Line,
    Proposal,
    Review,
    ReviewKind,
    Transaction,
    effects,
    events,
    journal,
    reviews,
)
from baton.ledger.facts import Change


async def bases(
    ledger: Ledger, member: Member, proposal: Proposal, lines: Sequence[Line], proposals: Sequence[Proposal]
) -> list[Basis]:
    """What an action rests on, with what the run has read of it; what it has not read says nothing."""
    action, specs = proposal.action, member.agent.specs
    spec = specs.get(action.tool)
    if spec is None or spec.name in BUILTIN or spec.effect is Effect.READ:
        return []
    said, found = declared(action, specs), traced(action, proposal.verdict, specs, proposals)
    if not (said or found):
        return []
    used = {one.tool for one in (*said, *found)}
    calls = [one.action.id for one in proposals if one.action.tool in used]
    done = await ledger.read(lambda tx: _carried_out(tx, calls))
    told = [as_read(one, specs, proposals, lines, done) for one in said]
    known = {one.name for one in told}  # what a tool declares of a reading goes before what was traced to it
    told += [
        basis
        for one in found
        if one.name not in known
        and (basis := as_read(one, specs, proposals, lines, done)).said is not None
        and bears_on(basis.said or "", action.arguments)
    ]
    return told


def facts_in(lines: Sequence[Line], proposals: Sequence[Proposal], arguments: Mapping[str, Any]) -> dict[FactId, str]:
    """The facts that a run has read and that values of arguments stand in, with what they say."""
    return {id: said for id, said in facts_read(lines, proposals).items() if bears_on(said, arguments)}


async def still_holds(hold: Hold, scene: Scene, past: Past, job: Job) -> Job | Outcome:
    """The job if what it rests on is as it was, else what becomes of it; what was begun is not looked at again."""
    spec = scene.member.agent.specs.get(job.action.tool)
    begun = job.known is not None and job.known.state is not EffectState.POSTPONED
    if begun or job.off or spec is None or spec.name in BUILTIN or spec.effect is Effect.READ:
        return job
    review = await _asked(scene, job)
    before = await _before(scene, past, job, review)
    shown = facts_in(past.lines, past.proposals, job.action.arguments)
    stale = [one for one in before if not fresh(one, scene.member.agent.specs.get(one.tool), past.now)]
    if not (stale or shown):
        return job
    record = past.record([], scene.member.agent.specs)
    now = await read_again(scene.member, past.run, job.action, stale, record, scene.ledger.clock)
    changed = await scene.ledger.read(lambda tx: _changed(tx, past, job, review, list(shown)))
    found = [drift for old, new in zip(stale, now, strict=True) for drift in drifts(old, new)]
    found += [_of_fact(change) for change in changed]
    if now or found:
        _note(hold, job, review, now, found)
    if not found:
        return job
    if review is None:
        return _told_agent(found, [*(_label(scene.member, one) for one in now), *map(_label_of, changed)])
    read = {(one.name, one.fields): one for one in now}
    return _ask_anew(past, job, found, [read.get((one.name, one.fields), one) for one in before])


async def _asked(scene: Scene, job: Job) -> Review | None:
    """The question that an approval answers; None where nobody was asked."""
    decision = job.decision
    if decision is None or decision.kind is DecisionKind.RESPOND:
        return None
    return await scene.ledger.read(lambda tx: reviews.get(tx, decision.review))


async def _before(scene: Scene, past: Past, job: Job, review: Review | None) -> list[Basis]:
    """How what it rests on was when it was approved; where nobody was asked, when the run read it last.

    What an edit rests on, and nobody has read, says nothing.
    """
    if review is None:
        return await bases(scene.ledger, scene.member, job.proposal, past.lines, past.proposals)
    known = [Basis.of(one) for one in review.question.get("rests_on", ())]
    edited = job.action.arguments != review.question.get("arguments")
    if not edited:
        return known
    of_tool = declared(job.action, scene.member.agent.specs)
    kept = {one.name: one for one in known}
    return [kept.pop(one.name, one) for one in of_tool] + [
        one for one in kept.values() if bears_on(one.said or "", job.action.arguments)
    ]


def _carried_out(tx: Transaction, calls: Sequence[ActionId]) -> dict[ActionId, EffectRecord]:
    return {id: effect for id in calls if (effect := effects.get(tx, id)) is not None}


def _changed(tx: Transaction, past: Past, job: Job, review: Review | None, shown: Sequence[FactId]) -> list[Change]:
    """Those of the shown facts that no longer stand as they did when people were asked, or it was proposed."""
    if not shown:
        return []
    since = review.opened_at if review is not None else _proposed_at(tx, past, job)
    return facts_changed(tx, past.run.tenant, shown, since)


def _proposed_at(tx: Transaction, past: Past, job: Job) -> float:
    return next((one.at for one in journal.calls(tx, past.run.id) if one.turn == job.proposal.turn), past.now)


def _of_fact(change: Change) -> Drift:
    fact = change.fact
    name, before = f"the fact {fact.id} about {fact.subject}", fact.text
    if change.by:
        return Drift(name=name, before=before, after="; ".join(one.text for one in change.by))
    how = _ENDED.get(change.how, "is no longer believed since")
    return Drift(name=name, before=before, after=None, why=f"{how} {format_time(change.at)}")


_ENDED = {"ended": "has ended at", "expired": "has expired at", "quarantined": "is suspect since"}


def _note(hold: Hold, job: Job, review: Review | None, now: Sequence[Basis], found: Sequence[Drift]) -> None:
    """Record what was looked at again, for whom, and what came of it."""
    said: dict[str, Any] = {
        "action": job.action.id,
        "asked": review.id if review is not None else None,
        "looked": [{"what": one.name, "problem": one.problem} for one in now],
        "drift": [asdict(one) for one in found],
    }
    hold.post(lambda tx: events.emit(tx, hold.run, "action.checked", **said))


def _ask_anew(past: Past, job: Job, found: Sequence[Drift], now: Sequence[Basis]) -> Outcome:
    """Ask the same people again, with what has changed since one of them approved."""
    assert job.decision is not None
    review, action, by = ReviewId(random_id("rev")), job.action, job.decision.by
    question: dict[str, Any] = {
        "summary": f"May {past.run.agent} call {action.tool}? What it rests on has changed since {by} approved it.",
        "arguments": action.arguments,
        "version": action.version,  # so that these very arguments run, which may be edited ones
        "confidence": action.confidence,
        "reason": action.reason,
        "drift": [asdict(one) for one in found],
        "rests_on": [one.document() for one in now],
        "facts": facts_in(past.lines, past.proposals, action.arguments),
    }
    verdict = replace(job.verdict, ruling=Ruling.ASK)

    def ask(tx: Transaction) -> None:
        open_review(tx, past.run, review, ReviewKind.ACTION, question, verdict, action=action.id, tool=action.tool)
        journal.set_review(tx, action.id, review)

    said = f"pending: review {review}: what it rests on has changed since {by} approved it"
    return Outcome(text=said, pending=True, review=review, asks=verdict, riders=[ask])


def _told_agent(found: Sequence[Drift], labels: Sequence[Label]) -> Outcome:
    """Not carried out: the agent looks again and decides anew. The text is labelled as what it tells."""
    label, said = derived(labels), "; ".join(map(str, found))
    text = f"error: not carried out, as what it rests on has changed: {said}. Look again, then decide anew."
    return Outcome(text=text, trust=min(label.trust, Trust.AGENT), confidentiality=label.confidentiality)


def _label(member: Member, basis: Basis) -> Label:
    """Of what a reading says."""
    spec = member.agent.specs.get(basis.tool)
    if spec is None:
        return Label(Trust.EXTERNAL)
    trust = Trust.VERIFIED_TOOL if spec.verified else Trust.EXTERNAL
    return spec.marks.over(Label(trust, confidentiality=spec.confidentiality))


def _label_of(change: Change) -> Label:
    """Of a fact and of those that took its place."""
    return derived(one.label for one in (change.fact, *change.by))
