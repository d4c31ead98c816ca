"""A clerk at a till: pays or pays back as its goal says, and asks people as the rules say."""

import re
from pathlib import Path

from baton import Agent, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from support.minds import Says
from support.office import set_policy

PLAIN = '@id("plain") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'


def refunds(*annotations: str) -> str:
    """A rule that asks people about refunds."""
    head = " ".join(f"@{one}" for one in ('id("refund")', *annotations))
    return f'{head} permit (principal, action == Action::"call_with_approval", resource is Tool::refund);'


def does_what_the_goal_says() -> Says:
    """Pays, or pays back, the order that the goal names."""

    def answer(conversation: Conversation) -> Answer:
        text = conversation.user_texts()[0]
        if any(conversation.results()):
            return Answer(text="done")
        name = next(name for name in ("refund", "pay") if name in text)
        return Answer(calls=(SimulatedCall(name=name, arguments={"order": re.findall(r"[AB]-\d+", text)[0]}),))

    return Says(answer)


def clerk_at(folder: Path, *rules: str) -> Agent:
    """The clerk, with these rules."""

    @tool
    async def pay(order: str) -> str:
        """Pay."""
        return f"paid {order}"

    @tool
    async def refund(order: str) -> str:
        """Pay back."""
        return f"paid back {order}"

    return Agent("clerk", tools=[pay, refund], policy=set_policy(folder / "till.cedar", *rules))
