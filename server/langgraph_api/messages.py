"""A transcript as LangChain's messages. No I/O but reading the record."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.core import RunId
from baton.ledger import Line, Proposal, Run, Transaction, journal, runs, transcript

Message = dict[str, Any]

CLIENT = "client:"
"""Before the id that a client has given its message, where a line is about one."""

_OURS = re.compile(r"(run_[0-9a-z]+)[.:][0-9a-z]+")


@dataclass(frozen=True, kw_only=True)
class Told:
    """A line of a transcript as a message.

    Attributes:
        line: Its number in the transcript, from 1; 0 is the goal.
        turn: The model call that said it, or that read it.
        role: As the transcript has it.
    """

    line: int
    turn: int
    role: str
    message: Message


def told(tx: Transaction, run: Run, behind: int = -1) -> list[Told]:
    """A run's transcript behind a line as messages; behind -1 with its goal, where it has one of its own."""
    first = [] if run.goal.conversation or behind >= 0 else [_goal(run)]
    lines = transcript.read(tx, run.id, transcript.WHOLE, max(behind, 0))
    if not lines:
        return first
    of_turn: dict[int, list[Proposal]] = {}
    for proposal in journal.proposals(tx, run.id):
        of_turn.setdefault(proposal.turn, []).append(proposal)
    tools = {proposal.action.id: proposal.action.tool for made in of_turn.values() for proposal in made}
    numbered = enumerate(lines, max(behind, 0) + 1)
    return first + [
        Told(
            line=number,
            turn=line.turn,
            role=line.role,
            message=_message(run.id, number, line, of_turn.get(line.turn, ()), tools),
        )
        for number, line in numbered
    ]


def messages(tx: Transaction, run: Run) -> list[Message]:
    """All of a run's messages, oldest first."""
    return [one.message for one in told(tx, run)]


def answer_id(run: RunId, turn: int) -> str:
    """The id of the message that a run's model says in a turn, before and after it is recorded."""
    return f"{run}.{turn}"


def ours(tx: Transaction, id: str, conversation: str) -> bool:
    """Whether an id is that of a message of this conversation, given to a client by us."""
    found = _OURS.fullmatch(id)
    run = RunId(found[1]) if found else None
    return run is not None and runs.status(tx, run) is not None and runs.get(tx, run).conversation == conversation


def chunk(run: RunId, turn: int, text: str) -> Message:
    """A piece of what a model says."""
    return _plain("AIMessageChunk", answer_id(run, turn), text) | {"tool_calls": []}


def _goal(run: Run) -> Told:
    message = _plain("human", f"{run.id}:0", run.goal.statement)
    return Told(line=0, turn=1, role="user", message=message)


def _message(run: RunId, number: int, line: Line, made: Sequence[Proposal], tools: Mapping[Any, str]) -> Message:
    match line.role:
        case "assistant":
            said = _plain("ai", answer_id(run, line.turn), line.text)
            return said | {"tool_calls": [_call(one) for one in made if one.problem is None]}
        case "tool":
            answers = {"tool_call_id": line.ref, "name": tools.get(line.ref), "status": "success"}
            return _plain("tool", f"{run}:{number}", line.text) | answers
        case "user":
            given = line.ref.removeprefix(CLIENT) if line.ref and line.ref.startswith(CLIENT) else f"{run}:{number}"
            return _plain("human", given, line.text)
        case _:
            return _plain("system", f"{run}:{number}", line.text) | {"name": "baton"}


def _plain(kind: str, id: str, text: str) -> Message:
    return {"type": kind, "id": id, "content": text, "additional_kwargs": {}, "response_metadata": {}}


def _call(proposal: Proposal) -> dict[str, Any]:
    action = proposal.action
    return {"name": action.tool, "args": action.arguments, "id": action.id, "type": "tool_call"}
