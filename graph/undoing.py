"""Undoing a run: the plan of its child run, and the model that works it off without a language model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from baton.agents import Agent
from baton.core import (
    ActionId,
    Attachment,
    Budget,
    Conflict,
    Delta,
    Effect,
    Goal,
    ModelReply,
    ModelRequest,
    RunId,
    ToolCall,
    ToolSpec,
    dump,
)
from baton.graph.fingerprint import Fingerprint, read
from baton.ledger import EffectRecord, EffectState, Run, Transaction, effects, events, fingerprints, journal, runs

PLAN = "undo.json"
"""The attachment of a compensation's goal that holds its plan."""

OF = "of"
"""The parameter of an undo tool that is given the key of the effect to undo."""


@dataclass(frozen=True, kw_only=True)
class Undo:
    """One call that undoes one effect.

    Attributes:
        of: Key of the effect.
        was: The tool that it was an effect of.
        tool: The tool that undoes it.
    """

    of: ActionId
    was: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a compensation does.

    Attributes:
        undo: The calls, in order: what was done last is undone first.
        left: Effects that are not undone, with why.
    """

    undo: tuple[Undo, ...]
    left: tuple[tuple[ActionId, str], ...]


def compensate(tx: Transaction, run: RunId, agents: Mapping[str, Agent], by: str) -> RunId:
    """Start the run that undoes what another one did; each of its calls is judged by policy.

    Args:
        tx: The transaction.
        run: The run to undo; what it has done until now.
        agents: Those at hand by name.
        by: Who asks for it.

    Raises:
        Conflict: if it is being undone already, its agent is not here, or nothing of it can be undone; says why.
    """
    what = f"compensate {run}"
    runs.lock(tx, run)
    known = runs.get(tx, run)
    for other in runs.compensations(tx, run):
        if not other.ended:
            raise Conflict(what, f"{other.id} is at it", f"`baton runs show {other.id}` says how far it is.")
    if known.agent not in agents:
        raise Conflict(what, f"there is no agent {known.agent!r} here", "Name the project that has it.")
    plan = _planned(tx, known, agents[known.agent])
    if not plan.undo:
        raise Conflict(what, "there is nothing to undo" + "".join(f"; {key}: {why}" for key, why in plan.left))
    goal = Goal(
        f"Undo what {run} did",
        attachments=(Attachment(PLAN, dump(asdict(plan))),),
        budget=Budget(turns=None),
        requester=by,
    )
    id, _new = runs.create(tx, goal, known.agent, conversation=known.conversation, tenant=known.tenant)
    runs.mark_compensation(tx, id, run)
    events.emit(tx, run, "run.compensated", by=by, child=id, effects=len(plan.undo))
    return id


def plan_of(run: Run) -> Plan | None:
    """The plan of a compensation; None for any other run."""
    if run.compensates is None:
        return None
    said = json.loads(next(one.text for one in run.goal.attachments if one.name == PLAN))
    undo = tuple(Undo(**one) for one in said["undo"])
    return Plan(undo=undo, left=tuple((ActionId(key), why) for key, why in said["left"]))


def undone_by(run: Run, turn: int) -> ActionId | None:
    """The key of the effect that a compensation undoes in a turn; None for any other turn or run."""
    plan = plan_of(run)
    return plan.undo[turn - 1].of if plan is not None and 0 < turn <= len(plan.undo) else None


class Undoing:
    """The model of a compensation: proposes one undo a turn, then finishes with an account.

    What was done last is undone first, so the next call is proposed only once the one before is settled.
    """

    def __init__(self, plan: Plan, turn: int, done: Sequence[EffectRecord], *, waits: bool) -> None:
        """`turn` is the coming one; `done` are its run's effects; `waits` is whether a question is open."""
        self._plan, self._turn, self._done, self._waits = plan, turn, done, waits

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        """The next call; nothing is asked of anybody."""
        if self._turn <= len(self._plan.undo):
            undo = self._plan.undo[self._turn - 1]
            return _calls(undo.tool, undo.arguments, f"undoes {undo.was}, {undo.of}")
        if self._waits:
            return ModelReply(text="Waiting for an answer before the account is made.")
        return _calls("finish", self._account(), "everything has been tried")

    def _account(self) -> dict[str, Any]:
        states = {effect.undoes: effect for effect in self._done}
        said: list[str] = []
        failed = refused = False
        for undo in self._plan.undo:
            effect = states.get(undo.of)
            name = f"{undo.was} ({undo.of})"
            if effect is not None and effect.state is EffectState.DONE:
                said.append(f"undone: {name} by {undo.tool}")
            elif effect is not None:
                failed = True
                said.append(f"not undone: {name}: {effect.result or 'nobody knows whether it was'}")
            else:
                refused = True
                said.append(f"not undone: {name}: {undo.tool} was not allowed")
        said += [f"not undone: {key}: {why}" for key, why in self._plan.left]
        outcome = "failed" if failed else "refused" if refused else "done"
        return {"summary": "\n".join(said), "outcome": outcome}


def _calls(tool: str, arguments: dict[str, Any], reason: str) -> ModelReply:
    given = dump(arguments | {"_confidence": 1.0, "_reason": reason})
    return ModelReply(calls=(ToolCall(name=tool, arguments=given),), finish="tool_calls")


def _planned(tx: Transaction, run: Run, agent: Agent) -> Plan:
    stored = fingerprints.get(tx, run.fingerprint) if run.fingerprint else None
    code = read(stored) if stored else None
    done = effects.of_run(tx, run.id)
    undone = {effect.undoes: effect for effect in effects.undoing(tx, [effect.key for effect in done])}
    undo: list[Undo] = []
    left: list[tuple[ActionId, str]] = []
    for effect in sorted(done, key=lambda one: one.ended_at or 0.0, reverse=True):
        if effect.state is EffectState.FAILED or not _writes(effect, agent, code):
            continue
        earlier = undone.get(effect.key)
        try:
            if earlier is not None and earlier.state is not EffectState.FAILED:
                raise ValueError(f"undone already, by {earlier.run}")
            undo.append(_undo(tx, effect, agent))
        except ValueError as why:
            left.append((effect.key, f"{effect.tool}: {why}"))
    return Plan(undo=tuple(undo), left=tuple(left))


def _writes(effect: EffectRecord, agent: Agent, code: Fingerprint | None) -> bool:
    """Whether an effect changed anything, as its tool says, or said when it was carried out."""
    spec = agent.specs.get(effect.tool)
    if spec is not None:
        return spec.effect is Effect.WRITE
    then = code.tools.get(effect.tool) if code else None
    return then is None or then.effect == Effect.WRITE.value


def _undo(tx: Transaction, effect: EffectRecord, agent: Agent) -> Undo:
    """The call that undoes an effect.

    Raises:
        ValueError: if there is none, with why.
    """
    if effect.state is not EffectState.DONE:
        raise ValueError("nobody knows whether it happened")
    spec = agent.specs.get(effect.tool)
    if spec is None:
        raise ValueError("the tool is gone")
    if spec.undo is None:
        raise ValueError("it names no tool that undoes it")
    given = effect.arguments
    if given is None:
        given = journal.proposal(tx, effect.key).action.arguments
    arguments = _filled(agent.specs[spec.undo], effect, given)
    return Undo(of=effect.key, was=effect.tool, tool=spec.undo, arguments=arguments)


def _filled(undo: ToolSpec, effect: EffectRecord, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name: `of` is the effect's key; the rest from its result, then from its own arguments.

    Raises:
        ValueError: if one is missing, or they do not fit the tool.
    """
    known = dict(given) | _fields(effect.result) | {OF: effect.key}
    properties: Mapping[str, Any] = undo.parameters.get("properties", {})
    arguments = {name: known[name] for name in properties if name in known}
    missing = [name for name in undo.parameters.get("required", []) if name not in arguments]
    if missing:
        raise ValueError(f"{undo.name} needs {', '.join(missing)}, which neither its result nor its arguments hold")
    try:
        undo.validate(arguments)
    except ValueError as error:
        raise ValueError(f"{undo.name} does not take what is known: {error}") from error
    return arguments


def _fields(result: str) -> dict[str, Any]:
    try:
        value = json.loads(result)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
