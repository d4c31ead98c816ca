"""Carrying actions out through the effect ledger: claim, call with the key, confirm. See invariants 2, 3 and 5."""

import asyncio
from dataclasses import dataclass, replace

from baton.core import (
    Action,
    BodyId,
    Effect,
    ReviewId,
    Ruling,
    ToolError,
    ToolSpec,
    ToolTimeout,
    Trust,
    Verdict,
    logger,
    random_id,
)
from baton.graph.builtins import BUILTIN, Scene
from baton.graph.calling import ask_world, call_tool
from baton.graph.hold import Hold
from baton.graph.outcome import Outcome, refusal
from baton.graph.outliving import outlive
from baton.graph.trouble import open_review
from baton.ledger import (
    Decision,
    DecisionKind,
    EffectRecord,
    EffectState,
    Proposal,
    ReviewKind,
    Transaction,
    effects,
    journal,
    runs,
)

REPEATS = 2
"""How often a write that is safe to repeat is called again when it gives no answer."""

log = logger()

SHOWN = 20_000
"""Characters of a result that the model is shown at once; `read_on` gives the rest."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One action to carry out.

    Attributes:
        action: With the arguments as they will run, after any edit.
        verdict: What policy said of exactly that.
        decision: The person's, where one was asked; None where policy allows it alone.
        known: What the effect ledger already says of it.
    """

    proposal: Proposal
    action: Action
    verdict: Verdict
    decision: Decision | None
    known: EffectRecord | None


async def carry_out(hold: Hold, scene: Scene, job: Job) -> Outcome:
    """Carry out one action that may go ahead; a crash in the middle of an earlier try is settled first."""
    spec = scene.member.agent.specs.get(job.action.tool)
    if spec is None:
        return refusal(f"the tool {job.action.tool!r} is no longer there")
    builtin = BUILTIN.get(spec.name)
    if builtin is not None:
        return await builtin(scene, job.action, spec.validate(job.action.arguments))
    if job.known is not None:
        return await _after_crash(hold, scene, spec, job, job.known)
    return await _call(hold, scene, spec, job)


async def _after_crash(hold: Hold, scene: Scene, spec: ToolSpec, job: Job, known: EffectRecord) -> Outcome:
    """An earlier try is on record: use its result, repeat it, ask the world, or ask a person. Never guess."""
    if known.state in (EffectState.DONE, EffectState.FAILED):
        return _shown(spec, known.result, known.body)
    if known.state is EffectState.DOUBT:
        return await _doubt_decided(hold, scene, spec, job)
    if spec.effect is Effect.READ or spec.repeatable:
        return await _call(hold, scene, spec, job)
    await outlive(hold, spec)
    return await _unknown(hold, scene, spec, job, "the process died while it ran")


async def _unknown(hold: Hold, scene: Scene, spec: ToolSpec, job: Job, why: str) -> Outcome:
    """Nobody knows whether a write happened: ask the world by its key, else a person."""
    if spec.reconcile is not None:
        try:
            result = await ask_world(spec, job.action.id)
        except ToolError as error:
            return _ask_whether(hold, scene, job, f"{why}; {error.problem}")
        if result is not None:
            return await _settled(hold, spec, job, EffectState.DONE, result)
        if job.known is not None:
            return await _call(hold, scene, spec, replace(job, known=None))
        return await _settled(hold, spec, job, EffectState.FAILED, f"error: {why}; it did not happen")
    return _ask_whether(hold, scene, job, why)


def _ask_whether(hold: Hold, scene: Scene, job: Job, why: str) -> Outcome:
    action = job.action
    review = ReviewId(random_id("rev"))
    question = {
        "summary": f"Did {action.tool} happen? {why[:1].upper()}{why[1:]}.",
        "arguments": action.arguments,
        "answers": "approve: it did not, run it. respond TEXT: it did, this is its result. reject: leave it.",
    }
    verdict = Verdict(ruling=Ruling.ASK, reason=why, policy=job.verdict.policy, kind=job.verdict.kind)

    def doubt(tx: Transaction) -> None:
        effects.settle(tx, scene.run.id, hold.lease.epoch, action.id, EffectState.DOUBT, "")
        open_review(tx, scene.run, review, ReviewKind.DOUBT, question, verdict, action=action.id, tool=action.tool)
        journal.set_review(tx, action.id, review)

    return Outcome(text=f"pending: review {review}: did this happen?", pending=True, riders=[doubt])


async def _doubt_decided(hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Outcome:
    """A person has said whether it happened; any other decision than run it or it did leaves it undone."""
    if job.decision is None:
        return Outcome(text=f"pending: review {job.proposal.review}: did this happen?", pending=True)
    if job.decision.kind is DecisionKind.RESPOND:
        return await _settled(hold, spec, job, EffectState.DONE, job.decision.note)
    return await _call(hold, scene, spec, job)


async def _call(hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Outcome:
    action = job.action
    edited = action.arguments if action.arguments != job.proposal.action.arguments else None

    def claim(tx: Transaction) -> None:
        effects.claim(tx, hold.run, hold.lease.epoch, action.id, spec.name, edited)

    until = asyncio.get_running_loop().time() + spec.timeout
    if spec.effect is Effect.WRITE:
        await hold.write(claim)
        await _still_ours(hold)
    else:
        hold.post(claim)
    try:
        result = await _answered(spec, action, until)
    except ToolTimeout as error:
        if spec.effect is Effect.WRITE:
            return await _unknown(hold, scene, spec, replace(job, known=None), error.problem)
        return await _settled(hold, spec, job, EffectState.FAILED, f"error: {error.problem}")
    except ToolError as error:
        return await _settled(hold, spec, job, EffectState.FAILED, f"error: {error.problem}")
    return await _settled(hold, spec, job, EffectState.DONE, result)


async def _answered(spec: ToolSpec, action: Action, until: float) -> str:
    """Call a tool; a write that is safe to repeat is repeated, with the same key, while it gives no answer."""
    for _ in range(REPEATS if spec.repeatable else 0):
        try:
            return await call_tool(spec, action)
        except ToolTimeout as error:
            log.warning("no answer; calling again with the same key", action=action.id, problem=error.problem)
    return await call_tool(spec, action, None if spec.repeatable else until)


async def _still_ours(hold: Hold) -> None:
    """The last look before the world is touched: a worker that slept since its claim must not act.

    Raises:
        Superseded: if a newer epoch exists.
    """
    await hold.ledger.read(lambda tx: runs.still_newest(tx, hold.run, hold.lease.epoch))


async def _settled(hold: Hold, spec: ToolSpec, job: Job, state: EffectState, result: str) -> Outcome:
    outcome = _shown(spec, result, None)

    def settle(tx: Transaction) -> BodyId | None:
        body = effects.settle(tx, hold.run, hold.lease.epoch, job.action.id, state, result)
        if len(result) <= SHOWN:
            outcome.body = body  # the transcript line, committed later, points to the same text
        return body

    if len(result) > SHOWN:
        return _shown(spec, result, await hold.write(settle))
    hold.post(settle)
    return outcome


def _shown(spec: ToolSpec, result: str, body: BodyId | None) -> Outcome:
    """A result as the model is shown it; a long one is cut, with the handle to read on."""
    trust = Trust.VERIFIED_TOOL if spec.verified else Trust.EXTERNAL
    if result.startswith("error: "):
        trust = min(trust, Trust.AGENT)
    if len(result) <= SHOWN:
        return Outcome(text=result, trust=trust, body=body)
    note = f"\n[cut after {SHOWN} of {len(result)} characters; read_on(handle={body}, offset={SHOWN}) goes on]"
    return Outcome(text=result[:SHOWN] + note, trust=trust)
