"""A mind that talks, for tests of the protocols of other people's clients."""

from baton.agents.simulated import Answer, Conversation
from support.minds import call

TEXT = "Good morning. The order has been looked at, and there is nothing wrong with it at all."


def talker(conversation: Conversation) -> Answer:
    """Pays or finishes when it is told to, once; else says what it was told last."""
    body = conversation.body["messages"]
    said = [str(one["content"]) for one in body if one["role"] == "user" and not str(one["content"]).startswith("[")]
    fresh = body[-1]["role"] == "user" and body[-1]["content"] == said[-1]
    if said[-1].startswith("pay") and fresh:
        return Answer(text="I shall pay.", calls=(call("pay", cents=500),))
    if said[-1].startswith("finish") and fresh:
        return Answer(calls=(call("finish", outcome="done", summary="All is done.", evidence=[]),))
    return Answer(text=f"{TEXT} You said: {said[-1].splitlines()[-1]}")
