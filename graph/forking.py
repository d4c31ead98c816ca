"""Forks: what might have been. A new run goes on from a turn of another, without touching what that one did."""

from collections.abc import Sequence
from dataclasses import replace

from baton.core import Action, Conflict, Effect, InvalidValue, Ruling, RunId, ToolSpec, Trust, Verdict, dump
from baton.graph.state import Place
from baton.ledger import (
    Line,
    Proposal,
    Run,
    Transaction,
    events,
    forks,
    journal,
    mail,
    runs,
    transcript,
    workflow_steps,
)
from baton.ledger.forks import Echo

RULE = "fork"
"""What a verdict cites where a fork asks before it writes."""

RECORDED = "recorded"
"""What a verdict cites where a call is answered from the record."""

_ASKS_TOO = frozenset({"remember"})
"""Baton's own tools that write something which outlives the fork; hand-offs go to runs that ask for themselves."""


def fork(
    tx: Transaction,
    origin: RunId,
    at: int,
    *,
    live: bool = False,
    goal: str | None = None,
    say: str | None = None,
    by: str,
) -> RunId:
    """Start a run that shares another one's transcript up to and with a turn, and goes on from there by itself.

    Its budgets begin anew; nothing of what the other run did is its own effect.

    Args:
        tx: The transaction.
        origin: The run to fork; it stays as it is.
        at: The last turn that is shared; 0 shares nothing but the goal.
        live: Whether it may write as its policy says; else calls that `origin` made after the turn are answered from
            the record, and other writes are asked about.
        goal: What is wanted instead; None keeps the goal.
        say: What the person says to it first; None says nothing.
        by: Who forks.

    Raises:
        InvalidValue: if there is no such turn.
        Conflict: if the turn's calls are not answered yet, or it is a workflow's run.
    """
    known = runs.get(tx, origin)
    if workflow_steps.any_of_run(tx, origin):
        raise Conflict(f"fork of {origin}", f"{known.agent} is a workflow, whose steps are not shared", "Submit anew.")
    head = _head(tx, known, at)
    wanted = replace(known.goal, statement=goal, requester=by) if goal else known.goal
    trust = Trust.USER if goal else known.trust
    talk, tenant = known.conversation, known.tenant
    id, _new = runs.create(tx, wanted, known.agent, conversation=talk, trust=trust, tenant=tenant)
    forks.mark(tx, id, origin=origin, turn=at, live=live)
    if wanted == known.goal:
        forks.share_goal(tx, id, origin)
    forks.copy(tx, origin, id, at, head)
    shared = transcript.read(tx, origin, head)
    transcript.append(tx, id, head, [_notice(known, at, shared, journal.proposals(tx, origin))])
    events.emit(tx, id, "run.forked", origin=origin, turn=at, live=live, by=by)
    if say:
        mail.post(tx, id, "user", sender=by, text=say, trust=Trust.USER)
    return id


def first_place(tx: Transaction, run: Run) -> Place:
    """Where a fork begins: behind what it shares, with all the turns of its budget before it."""
    turn = run.forked_at or 0
    turns = run.goal.budget.turns
    return Place(
        head=forks.head_of(tx, run.id),
        turn=turn,
        allowance=turn + turns if turns is not None else None,
        waiting=run.goal.conversation,
    )


def guarded(run: Run, action: Action, spec: ToolSpec, verdict: Verdict, echo: Echo | None) -> Verdict:
    """What policy said, as it holds in a fork: recorded calls go ahead, as nothing is called; new writes are asked."""
    if run.live or verdict.ruling is Ruling.DENY:
        return verdict
    if echo is not None:
        said = f"answered from the record of {echo.run}: nothing is called"
        return replace(verdict, ruling=Ruling.ALLOW, rules=(*verdict.rules, RECORDED), reason=said)
    if verdict.ruling is Ruling.ALLOW and (spec.effect is Effect.WRITE or spec.name in _ASKS_TOO):
        said = f"a fork asks before it writes ({verdict.reason})"
        return replace(verdict, ruling=Ruling.ASK, rules=(*verdict.rules, RULE), reason=said)
    return verdict


def echo_of(run: Run, action: Action, echoes: Sequence[Echo], proposals: Sequence[Proposal]) -> Echo | None:
    """The recorded call that answers an action of a fork; None if there is none.

    Each answers once: the second time that a fork proposes the same, the second such call on record does.
    """
    if not echoes:
        return None
    same = _same(action.tool, action.arguments)
    made = [p.action.id for p in proposals if p.turn > (run.forked_at or 0) and _same_as(p, same)]
    number = made.index(action.id) if action.id in made else len(made)
    fits = [echo for echo in echoes if _same(echo.tool, echo.arguments) == same]
    return fits[number] if number < len(fits) else None


def _same_as(proposal: Proposal, same: tuple[str, str]) -> bool:
    return proposal.problem is None and _same(proposal.action.tool, proposal.action.arguments) == same


def _same(tool: str, arguments: dict[str, object]) -> tuple[str, str]:
    return tool, dump(dict(sorted(arguments.items())))


def _head(tx: Transaction, run: Run, at: int) -> int:
    """The last line of a turn: what the model said, and the answers to its calls."""
    lines = transcript.read(tx, run.id, transcript.WHOLE)
    last = max((line.turn for line in lines if line.role == "assistant"), default=0)
    if not 0 <= at <= last:
        raise InvalidValue(f"turn of {run.id}", at, f"a turn from 0 to {last}")
    of_turn = [seq for seq, line in enumerate(lines, 1) if line.turn == at and line.role in ("assistant", "tool")]
    answered = {line.ref for line in lines if line.role == "tool"}
    calls = [proposal.action.id for proposal in journal.proposals(tx, run.id) if proposal.turn == at]
    if any(call not in answered for call in calls):
        raise Conflict(f"fork {run.id} at turn {at}", "its calls are not answered yet", f"Wait, or take turn {at - 1}.")
    return max(of_turn, default=0)


def _notice(origin: Run, at: int, shared: Sequence[Line], proposals: Sequence[Proposal]) -> Line:
    """What a fork is told: where it comes from, and what it cannot expect an answer to."""
    tools = {proposal.action.id: proposal.action.tool for proposal in proposals}
    said = [f"[fork] This run goes on by itself from turn {at} of {origin.id}."]
    for number, line in enumerate(shared):
        if line.role == "tool" and line.text.startswith("pending: ") and not _resolved(line, shared[number + 1 :]):
            tool = next((name for id, name in tools.items() if id == line.ref), "a call")
            said.append(f"[fork] {tool} was pending in {origin.id}; no answer comes here, propose it again if needed.")
    return Line(role="notice", turn=at + 1, text="\n".join(said))


def _resolved(pending: Line, later: Sequence[Line]) -> bool:
    """Whether what a call waited for came before the fork: named by the action, the review or the child run."""
    waits = pending.text.startswith("pending: you are")
    notices = [line for line in later if line.role == "notice"]
    if waits:
        return any(line.text.startswith(("[wait", "[event")) for line in notices)
    return any(line.ref == pending.ref or (line.ref is not None and line.ref in pending.text) for line in notices)
