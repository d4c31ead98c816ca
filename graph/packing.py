"""The request's messages under the agent's token budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton.core import ChatMessage
from baton.graph.context import chat, opening
from baton.graph.team import Member
from baton.ledger import Line, Proposal, Run
from baton.memory import pack_chat


@dataclass(frozen=True)
class Packing:
    """What the model is shown.

    Attributes:
        left_out: Messages that did not fit.
    """

    messages: tuple[ChatMessage, ...]
    left_out: int


def packed(
    member: Member, run: Run, lines: Sequence[Line], proposals: Sequence[Proposal], others: Mapping[str, str]
) -> Packing:
    """Instructions, goal and as much of the transcript as fits, the newest first."""
    messages = opening(member.agent, run, others) + [m for group in chat(lines, proposals) for m in group]
    package = pack_chat(messages, member.agent.context_tokens, member.counter)
    return Packing(package.contents, len(package.manifest.dropped))
