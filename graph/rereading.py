"""Reading again what an action rests on: as its policy allows, with its tool's retries, and never for ever."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from baton.core import (
    Action,
    ActionId,
    Clock,
    Effect,
    Retries,
    Ruling,
    ToolError,
    ToolSpec,
    ToolTimeout,
    TryAgain,
)
from baton.graph.calling import call_tool
from baton.graph.judging import Record, judge
from baton.graph.resting import Basis
from baton.graph.team import Member
from baton.ledger import Run

LONGEST_WAIT = 5.0
"""The longest wait, in seconds, before a reading is tried again: people can be asked instead."""


async def read_again(
    member: Member,
    run: Run,
    of: Action,
    wanted: Sequence[Basis],
    record: Record,
    clock: Clock,
    whole: list[str] | None = None,
) -> list[Basis]:
    """What each of these readings says now, or why it cannot be read.

    Args:
        member: Whose action rests on them.
        run: Its run.
        of: The action.
        wanted: The readings.
        record: What is known of the run, for the policy.
        clock: Says when they are read.
        whole: Is given each result as it came, where somebody wants it whole.
    """
    reading = (_one(member, run, of, number, basis, record, clock, whole) for number, basis in enumerate(wanted))
    return list(await asyncio.gather(*reading))


async def _one(
    member: Member,
    run: Run,
    of: Action,
    number: int,
    basis: Basis,
    record: Record,
    clock: Clock,
    whole: list[str] | None,
) -> Basis:
    spec = member.agent.specs.get(basis.tool)
    if spec is None or spec.effect is not Effect.READ:
        return replace(basis, problem=f"{member.agent.name} has no tool {basis.tool} that reads")
    action = Action(
        id=ActionId(f"{of.id}~{number}"),
        run=run.id,
        agent=member.agent.name,
        tool=spec.name,
        version=spec.version,
        arguments=dict(basis.arguments),
        reason=f"read again before {of.tool}",
    )
    refused = _refused(member, run, spec, action, record)
    if refused:
        return replace(basis, problem=refused)
    try:
        result = await _tried(spec, action)
        if whole is not None:
            whole.append(result)
        return basis.read(result, clock.now())
    except ToolError as error:
        return replace(basis, problem=error.problem)


def _refused(member: Member, run: Run, spec: ToolSpec, action: Action, record: Record) -> str:
    """Why a reading may not be made by itself; empty where it may."""
    try:
        spec.validate(action.arguments)
    except ValueError as error:
        return str(error)
    verdict = judge(member, run, action, record)
    if verdict.ruling is not Ruling.ALLOW:
        return f"policy says {verdict.ruling.value}: {verdict.reason}"
    return "a limit of the policy counts it" if verdict.charges else ""


async def _tried(spec: ToolSpec, action: Action) -> str:
    """The result, tried as often as the tool's retries say, with short waits.

    Raises:
        ToolError: if it fails; ToolTimeout if it does not answer.
    """
    policy, made = spec.retries or Retries(), 0
    while True:
        made += 1
        try:
            return await call_tool(spec, action)
        except TryAgain as error:
            failed: ToolError = ToolError(spec.name, error.reason)
            wait = policy.wait(made, error.after)
        except ToolTimeout as error:
            failed, wait = error, policy.wait(made)
        if made >= policy.attempts or wait > LONGEST_WAIT:
            raise failed
        await asyncio.sleep(wait)
