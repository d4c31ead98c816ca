"""What the messages of an input are to an agent: the caller's own words, and what the client claims was answered."""

from collections.abc import Sequence

from baton.conversing import Said
from baton.core import InvalidValue, Trust
from baton.ledger import Transaction
from baton.server.callers import Caller
from baton.server.claimed import claimed
from baton.server.langgraph_api.asked import GivenMessage
from baton.server.langgraph_api.messages import CLIENT, ours


def said(tx: Transaction, given: Sequence[GivenMessage], caller: Caller, conversation: str | None) -> list[Said]:
    """Messages for the agent's mailbox, in order, without those that the client has from us.

    Args:
        tx: The transaction.
        given: The messages as the client has them.
        caller: Who sends them.
        conversation: Which goes on; None where it begins.

    Raises:
        InvalidValue: if nothing is said.
    """
    news = [one for one in given if not (conversation and one.id and ours(tx, one.id, conversation))]
    found = [_said(one, caller) for one in news if one.text.strip() and one.kind != "tool"]
    if not found:
        raise InvalidValue("input.messages", "", "at least one message that is new and not empty")
    return found


def _said(message: GivenMessage, caller: Caller) -> Said:
    trust = Trust.AGENT if caller.agent else Trust.USER
    answer = message.kind == "ai"
    return Said(
        text=claimed(message.text) if answer else message.text,
        sender=caller.name,
        trust=Trust.EXTERNAL if answer else trust,
        key=None if message.id is None else f"{caller.person} {CLIENT}{message.id}",
        ref=None if message.id is None else f"{CLIENT}{message.id}",
    )
