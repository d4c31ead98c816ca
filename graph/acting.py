"""The act step: carry out what may go ahead, and answer every call, a pending one too."""

import asyncio
import json
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from baton.core import ActionId, Effect, OverLimit, Ruling
from baton.graph.approving import over_limit, still_allowed, still_approved
from baton.graph.asking import ask_people
from baton.graph.builtins import BUILTIN
from baton.graph.carrying import carry_out
from baton.graph.context import own_label
from baton.graph.ending import end
from baton.graph.forking import echo_of
from baton.graph.hold import Hold
from baton.graph.holding import still_holds
from baton.graph.job import Job
from baton.graph.judging import judge, renewed
from baton.graph.move import Move, Office
from baton.graph.outcome import Outcome, Rider, denial, is_pending
from baton.graph.past import Past, load
from baton.graph.preparing import prepares
from baton.graph.promised import open_audits
from baton.graph.receive import called_off
from baton.graph.reserving import settled
from baton.graph.scene import Scene
from baton.graph.speculating import found_ahead, read_ahead
from baton.graph.staging import held_up
from baton.graph.state import Place
from baton.graph.team import Member
from baton.graph.upcasting import ask_upcast, behind, brought_up
from baton.ledger import (
    DecisionKind,
    EffectState,
    Line,
    Transaction,
    effects,
    events,
    journal,
    reviews,
    texting,
    transcript,
)
from baton.policies import asked_form
from baton.review.outlook import outlook_text


async def act(office: Office, hold: Hold, place: Place) -> Move:
    """Take the step."""
    past, jobs, off = await office.ledger.read(
        lambda tx: (
            load(tx, hold.run, place.head, hold.memo, office.team.members, office.team.certificates),
            _jobs(tx, place.todo),
            called_off(tx, hold.run, place.cursor),
        )
    )
    jobs = _in_order(past, jobs)
    if place.todo and not jobs:  # what was held up has been told of already
        return Move(goto="think", place=place.moved(todo=()), riders=())
    if off:
        jobs = [replace(job, off=True) for job in jobs if _begun(past.run.agent, office, job)]
        if not jobs:
            return Move(goto="think", place=place.moved(todo=()), riders=())
    member = office.team.member(past.run.agent)
    scene = Scene(
        ledger=office.ledger,
        team=office.team,
        member=member,
        run=past.run,
        label=own_label(past.run, past.lines, past.proposals, member.agent.specs),
        cursor=place.cursor,
    )
    done: list[tuple[Job, Outcome]] = []
    at_once, first = member.agent.double_texting == "interrupt", False

    def look(tx: Transaction) -> tuple[bool, bool]:
        stop = called_off(tx, hold.run, place.cursor)
        return stop, texting.interrupted(tx, hold.run, place.cursor, any_message=at_once)

    for batch in _batches(member, jobs):
        stop, more = await office.ledger.read(look) if done and not off else (False, False)
        if stop:
            break
        first = first or more
        done += zip(batch, await _together(_one(hold, scene, past, job, first=first) for job in batch), strict=True)
    ahead = [] if off else await read_ahead(scene, past, done)
    return _moved(hold, past, scene, place, done, ahead)


async def _together(calls: Iterable[Awaitable[Outcome]]) -> list[Outcome]:
    """What the calls come to. One that fails waits for the others: what they have begun must be on record first."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Outcome)]


def _moved(
    hold: Hold, past: Past, scene: Scene, place: Place, done: Sequence[tuple[Job, Outcome]], ahead: Sequence[Rider]
) -> Move:
    outcomes = [outcome for _, outcome in done]
    _refuse_early_end(outcomes)
    riders: list[Rider] = [rider for outcome in outcomes for rider in outcome.riders] + [*ahead]
    waiting = all(outcome.pending for outcome in outcomes)
    notice = _preparing(scene, past, place, done) if waiting else None
    more = [] if notice is None else [notice]
    riders.append(lambda tx: transcript.append(tx, hold.run, place.head, [*(_line(tx, *one) for one in done), *more]))
    riders.append(lambda tx: open_audits(tx, past.run, done))
    here = place.moved(head=place.head + len(done) + len(more), todo=(), waiting=waiting and not more)
    ending = next((outcome.end for outcome in outcomes if outcome.end is not None), None)
    if ending is None:
        return Move(goto="think", place=here, riders=tuple(riders))
    riders.append(lambda tx: end(tx, past.run, place.cursor, ending, scene.label, scene.team.observer))
    return Move(goto="end", place=here, riders=tuple(riders))


def _preparing(scene: Scene, past: Past, place: Place, done: Sequence[tuple[Job, Outcome]]) -> Line | None:
    if not scene.member.agent.prepares:
        return None
    asked = [outcome.review for job, outcome in done if outcome.review and job.proposal.verdict.ruling is Ruling.ASK]
    return prepares(asked, past.lines, place.turn)


def _refuse_early_end(outcomes: Sequence[Outcome]) -> None:
    """A `finish` beside something that has just become pending ends nothing: what that brings would be lost."""
    if not any(outcome.pending for outcome in outcomes):
        return
    for outcome in outcomes:
        if outcome.end is not None:
            outcome.end, outcome.text = None, "error: not yet: another call of this answer is pending"


async def _one(hold: Hold, scene: Scene, past: Past, job: Job, *, first: bool) -> Outcome:
    """What one action comes to, with what becomes of what was reserved for it."""
    return await settled(hold, scene, job, await _came_to(hold, scene, past, job, first=first))


async def _came_to(hold: Hold, scene: Scene, past: Past, job: Job, *, first: bool) -> Outcome:
    """What one action comes to; where a message is to be read `first`, what needs nobody and is not begun is left."""
    proposal = job.proposal
    if proposal.problem is not None and job.known is None:
        return Outcome(text=f"error: {proposal.problem}")
    if job.known is None and behind(scene.member, job.action) and (anew := _brought_up(scene, past, job)) is not None:
        return await _carried(hold, scene, past, anew)
    if job.decision is not None:
        return await _carried(hold, scene, past, still_approved(scene, past, job))
    match proposal.verdict.ruling:
        case Ruling.ALLOW if first and job.known is None:
            return Outcome(
                text="error: not carried out: a new message came first. Call it again if it is still wanted."
            )
        case Ruling.ALLOW:
            return await _allowed(hold, scene, past, still_allowed(scene, past, job))
        case Ruling.ASK:
            return await ask_people(hold, scene, past, job)
        case Ruling.DENY:
            return denial(proposal.verdict.reason, proposal.verdict.rules)


async def _carried(hold: Hold, scene: Scene, past: Past, job: Job | Outcome) -> Outcome:
    """What a job comes to that may go ahead; an outcome as it is."""
    if isinstance(job, Job):
        job = await held_up(scene, job)
    if isinstance(job, Job):
        job = await still_holds(hold, scene, past, job)
    while isinstance(job, Job):
        try:
            return await carry_out(hold, scene, job)
        except OverLimit as error:
            job = await over_limit(scene, past, job, error)
    return job


def _brought_up(scene: Scene, past: Past, job: Job) -> Job | Outcome | None:
    """What becomes of an action of an older version of its tool; None for one that does not go ahead anyhow.

    What a person has approved is asked again, with the difference. What needed nobody goes ahead in today's form, if
    policy still says so.
    """
    member, ruling = scene.member, job.proposal.verdict.ruling
    if job.decision is not None:
        return ask_upcast(member, past, job.proposal, job.action, job.verdict, f"{job.decision.by} approved")
    if ruling is not Ruling.ALLOW:
        return None
    try:
        action = brought_up(member, job.action)
    except ValueError as error:
        return denial(f"the tool has changed since it was proposed, and its upcasters fail: {error}")
    anew = judge(member, past.run, action, past.record([], member.agent.specs))
    if anew.ruling is Ruling.ALLOW:
        return replace(job, action=action, verdict=renewed(job.verdict, anew))
    return ask_upcast(member, past, job.proposal, job.action, job.verdict, "it was proposed")


async def _allowed(hold: Hold, scene: Scene, past: Past, job: Job | Outcome) -> Outcome:
    """Carry out what needs nobody; in a fork, what the record answers counts as carried out with that result."""
    if isinstance(job, Outcome):
        return job
    echo = echo_of(past.run, job.action, past.echoes, past.proposals) if job.known is None else None
    if echo is None:
        if (ready := await found_ahead(scene, job)) is not None:
            return ready
        return await _carried(hold, scene, past, job)
    outcome = await carry_out(hold, scene, replace(job, known=echo.effect))
    said = {"action": job.action.id, "of": echo.effect.key, "origin": echo.run}
    outcome.riders.append(lambda tx: events.emit(tx, hold.run, "call.recorded", **said))
    return outcome


def _batches(member: Member, jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Reads that stand together run at once; everything else one by one, in order."""
    batch: list[Job] = []
    for job in jobs:
        spec = member.agent.specs.get(job.action.tool)
        together = spec is not None and spec.effect is Effect.READ and spec.name not in BUILTIN
        if batch and not together:
            yield batch
            batch = []
        batch.append(job)
        if not together:
            yield batch
            batch = []
    if batch:
        yield batch


def _begun(agent: str, office: Office, job: Job) -> bool:
    """Whether a run that is called off still has to see to this: what was done, and writes that may have been."""
    if job.known is None or job.known.state is EffectState.POSTPONED:
        return False
    spec = office.team.member(agent).agent.specs.get(job.action.tool)
    return job.known.state is not EffectState.CLAIMED or spec is None or spec.effect is Effect.WRITE


def _in_order(past: Past, jobs: Sequence[Job]) -> list[Job]:
    """The jobs without decisions that came before their calls were answered: an answer first, then what was decided.

    The mail tells of the decision next; until then the model's history has to hold an answer to each of its calls.
    """
    answered = {line.ref for line in past.lines if line.role == "tool"}
    again = [replace(job, again=job.action.id in answered) for job in jobs]
    return [job if job.again else _undecided(job) for job in again if not (job.again and _is_told(past, job))]


def _is_told(past: Past, job: Job) -> bool:
    """Whether the agent knows already what a further word to go on would tell of an action that was held up."""
    said = [line.text for line in past.lines if line.ref == job.action.id]
    if job.decision is None:
        waits_for_people = job.known is None and job.proposal.verdict.ruling is Ruling.ASK and past.asked(job.proposal)
        return waits_for_people or not is_pending(said[-1])
    came = [line for line in said if line.startswith(f"[review {job.decision.review} ")]
    if any(not is_pending(line) for line in came):  # an earlier word has had it carried out
        return True
    held = any(line.startswith("[review ") and is_pending(line) for line in said)
    return held and not is_pending(said[-1])


def _undecided(job: Job) -> Job:
    proposal = job.proposal
    return replace(job, action=proposal.action, verdict=proposal.verdict, decision=None)


def _jobs(tx: Transaction, todo: Sequence[ActionId]) -> list[Job]:
    return [_job(tx, action) for action in todo]


def _job(tx: Transaction, id: ActionId) -> Job:
    """An action with the decision that lets it go ahead, if a person was asked and has said so."""
    proposal = journal.proposal(tx, id)
    decision, verdict, action = None, proposal.verdict, proposal.action
    if proposal.review is not None:
        review = reviews.if_put(tx, proposal.review)
        if review is not None and review.action == id and review.decision is not None and review.decision.kind in _GO:
            decision = review.decision
            verdict = decision.verdict or review.verdict
            action = asked_form(action, review.question)
    if decision is not None and decision.arguments is not None:
        action = action.edit(decision.arguments, decision.by)
    return Job(proposal=proposal, action=action, verdict=verdict, decision=decision, known=effects.get(tx, id))


_GO = (DecisionKind.APPROVE, DecisionKind.EDIT, DecisionKind.RESPOND)


def _line(tx: Transaction, job: Job, outcome: Outcome) -> Line:
    """A tool line answers a call of this turn; what a person has decided is told as a notice, its call is answered."""
    turn, action = job.proposal.turn, job.action
    label: dict[str, Any] = {"trust": outcome.trust, "confidentiality": outcome.confidentiality}
    if job.decision is None and job.again:
        text = f"[{action.tool} {action.id}] {_told(tx, outcome)}"
        return Line(role="notice", turn=turn, text=text, ref=action.id, **label)
    if job.decision is None:
        return Line(role="tool", turn=turn, text=_told(tx, outcome), ref=action.id, body=outcome.body, **label)
    how = "approved with changes" if action.edited_by else "approved"
    if job.decision.kind is DecisionKind.RESPOND:
        how = "answered"
    given = json.dumps(action.arguments, ensure_ascii=False)
    call = action.tool if action.arguments == job.proposal.action.arguments else f"{action.tool}({given})"
    text = f"[review {job.decision.review} {how} by {job.decision.by}] {call}: {_told(tx, outcome)}"
    if job.decision.note and job.decision.kind is not DecisionKind.RESPOND:
        text += f"\nNote by {job.decision.by}: {job.decision.note}"
    return Line(role="notice", turn=turn, text=text, ref=action.id, **label)


def _told(tx: Transaction, outcome: Outcome) -> str:
    """What the model is told of an outcome; of a question, when its answer is expected too."""
    if outcome.review is None:
        return outcome.text
    more = outlook_text(tx, reviews.get(tx, outcome.review))
    return f"{outcome.text}; {more}" if more else outcome.text
