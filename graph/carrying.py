"""Carrying actions out through the effect ledger: claim, call with the key, confirm. See invariants 2, 3 and 5."""

from collections.abc import Awaitable
from typing import Any

from baton.core import BodyId, Effect, Queued, ToolError, ToolSpec, ToolTimeout, Trust
from baton.graph.builtins import BUILTIN
from baton.graph.doubting import ask_whether, left_in_doubt
from baton.graph.hold import Hold
from baton.graph.job import Job
from baton.graph.outcome import Outcome, refusal
from baton.graph.outliving import outlive
from baton.graph.places import free_places, queued
from baton.graph.scene import Scene
from baton.graph.stranded import stand_in
from baton.graph.trying import Tries
from baton.ledger import DecisionKind, EffectRecord, EffectState, Transaction, effects

SHOWN = 20_000
"""Characters of a result that the model is shown at once; `read_on` gives the rest."""

_CRASHED = "the process died while it ran"


async def carry_out(hold: Hold, scene: Scene, job: Job) -> Outcome:
    """Carry out one action that may go ahead; a crash in the middle of an earlier try is settled first.

    Raises:
        ToolUnavailable: if it is to be tried later; the run waits, with what was done on record.
    """
    spec = stand_in(job.action, job.proposal.problem, job.known, scene.member.agent.specs.get(job.action.tool))
    if spec is None:
        return refusal(f"the tool {job.action.tool!r} is no longer there")
    builtin = BUILTIN.get(spec.name)
    if builtin is not None:
        return await _told(scene, job, builtin(scene, job.action, spec.validate(job.action.arguments)))
    if job.known is not None:
        return await _after_crash(hold, scene, spec, job, job.known)
    return await _call(hold, scene, spec, job)


async def _after_crash(hold: Hold, scene: Scene, spec: ToolSpec, job: Job, known: EffectRecord) -> Outcome:
    """An earlier try is on record: use its result, repeat it, ask the world, or ask a person. Never guess."""
    match known.state:
        case EffectState.DONE | EffectState.FAILED:
            return _shown(spec, known.result, known.body)
        case EffectState.DOUBT:
            return await _doubt_decided(hold, scene, spec, job)
        case EffectState.POSTPONED:
            return await _call(hold, scene, spec, job)
        case EffectState.CLAIMED if not job.off and (spec.effect is Effect.READ or spec.repeatable):
            return await _call(hold, scene, spec, job)
        case EffectState.CLAIMED:
            await outlive(hold, spec)
            return await _unknown(hold, scene, spec, job)


async def _unknown(hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Outcome:
    """The process died in the middle of a write: ask the world by its key, else a person."""
    try:
        result = await Tries(hold, scene, spec, job).ask(_CRASHED)
    except ToolTimeout as error:
        return _in_doubt(hold, scene, job, error.problem)
    if result is not None:
        return await _settled(hold, spec, job, EffectState.DONE, result)
    if job.off:
        return await _settled(hold, spec, job, EffectState.FAILED, f"error: {_CRASHED}; it did not happen")
    return await _call(hold, scene, spec, job)


def _in_doubt(hold: Hold, scene: Scene, job: Job, why: str) -> Outcome:
    return left_in_doubt(hold, job, why) if job.off else ask_whether(hold, scene, job, why)


async def _doubt_decided(hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Outcome:
    """A person has said whether it happened; any other decision than run it or it did leaves it undone."""
    if job.decision is not None and job.decision.kind is DecisionKind.RESPOND:
        return await _settled(hold, spec, job, EffectState.DONE, job.decision.note)
    if job.off:
        return refusal("not run: the run is called off; nobody knows whether it happened")
    if job.decision is None:
        review = job.proposal.review
        return Outcome(text=f"pending: review {review}: did this happen?", pending=True, review=review)
    return await _call(hold, scene, spec, job)


async def _told(scene: Scene, job: Job, call: Awaitable[Outcome]) -> Outcome:
    """What a call comes to; whoever watches is told of it."""
    action = job.action
    with scene.team.observer.calling(action.tool, action.id, action.arguments) as came:
        outcome = await call
        came(outcome.text)
        return outcome


async def _call(hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Outcome:
    return await _told(scene, job, _tried(hold, scene, spec, job))


async def _tried(hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Outcome:
    try:
        result = await Tries(hold, scene, spec, job).answer()
    except Queued as error:
        return queued(error)
    except ToolTimeout as error:
        return _in_doubt(hold, scene, job, error.problem)
    except ToolError as error:
        return await _settled(hold, spec, job, EffectState.FAILED, f"error: {error.problem}")
    return await _settled(hold, spec, job, EffectState.DONE, result)


async def _settled(hold: Hold, spec: ToolSpec, job: Job, state: EffectState, result: str) -> Outcome:
    outcome = _shown(spec, result, None)

    def settle(tx: Transaction) -> BodyId | None:
        body = effects.settle(tx, hold.run, hold.lease.epoch, job.action.id, state, result)
        free_places(tx, spec, job)
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
    label: dict[str, Any] = {"trust": trust, "confidentiality": spec.confidentiality}
    if len(result) <= SHOWN:
        return Outcome(text=result, body=body, **label)
    note = f"\n[cut after {SHOWN} of {len(result)} characters; read_on(handle={body}, offset={SHOWN}) goes on]"
    return Outcome(text=result[:SHOWN] + note, **label)
