"""An agent that pays when people say so, for browsers to look at; and what strangers may write."""

import re

from baton import Baton, Goal
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.ledger import Review
from support.office import soon

ASK = '@id("ask") @deadline("4h") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
GRAVE = '@id("grave") @four_eyes permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>[click](javascript:alert(4)) "
    "![](http://evil.example/beacon.png) \u202eesrever\u202c \x1b[31mred {{ 7 * 7 }} </textarea></pre>"
)


def pays(conversation: Conversation) -> Answer:
    """Pays what the goal says, and tells what came of it."""
    if any(conversation.results()):
        return Answer(text="that is all")
    cents = int((re.findall(r"\d+", conversation.user_texts()[0]) or ["5"])[0])
    return Answer(calls=(SimulatedCall(name="pay", arguments={"cents": cents}),))


async def ask(baton: Baton, *goals: Goal | str) -> list[Review]:
    """Questions, one of each goal, in the order in which the list shows them."""
    for goal in goals:
        asked = Goal(goal, requester="req") if isinstance(goal, str) else goal
        await soon((await baton.submit(asked)).settled())
    return await baton.reviews.waiting()
