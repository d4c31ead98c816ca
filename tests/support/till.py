"""A clerk at a till: pays, or pays back, and asks people as the rules say."""

import re
from pathlib import Path
from typing import Any

from baton import Agent, Baton, Goal, RunHandle, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.ledger import Review
from support.minds import Says
from support.office import set_policy, soon

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


class Till:
    """Counts what is paid.

    Attributes:
        paid: The cents, in order.
        policy: The file with the rules.
    """

    def __init__(self, folder: Path, *rules: str) -> None:
        self.paid: list[int] = []
        self.policy = folder / "till.cedar"
        self._rules = rules

    def agent(self, *rules: str, version: str = "1", **settings: Any) -> Agent:
        """Somebody who pays, by these rules or the till's own."""

        @tool(version=version)
        async def pay(cents: int) -> str:
            """Pay."""
            self.paid.append(cents)
            return f"paid {cents}"

        return Agent("clerk", tools=[pay], policy=set_policy(self.policy, *(rules or self._rules)), **settings)


async def asked(baton: Baton, goal: Goal | str = "go") -> tuple[RunHandle, Review]:
    """A run that has come to ask a person, and its question."""
    run = await baton.submit(goal)
    await soon(run.settled())
    (review,) = await baton.reviews.waiting([run.id])
    return run, review
