"""What a client's messages are to an agent: the caller's own words, and what the client claims that was answered."""

from collections.abc import Sequence

from baton.conversing import Said
from baton.core import Trust
from baton.server.callers import Caller
from baton.server.claimed import claimed
from baton.server.openai_api.asked import Turn


def said(turns: Sequence[Turn], caller: Caller, key: str | None) -> list[Said]:
    """Messages for the agent's mailbox, in order.

    Args:
        turns: The messages as the client has them.
        caller: Who sends them; what they say has their trust, what they say that was answered a stranger's.
        key: What tells this request from the same sent again; None where nothing does.
    """
    trust = Trust.AGENT if caller.agent else Trust.USER
    return [
        Said(
            text=claimed(turn.text) if turn.role == "assistant" else turn.text,
            sender=caller.name,
            trust=Trust.EXTERNAL if turn.role == "assistant" else trust,
            key=None if key is None else f"{caller.person} {key} {number}",
        )
        for number, turn in enumerate(turns)
        if turn.text.strip()
    ]
