"""A process that lets a boss negotiate with two bidders, and kills itself behind a commit; for tests of crashes."""

import asyncio
import os
from pathlib import Path

from baton import Agent, Baton
from baton.agents.simulated import Answer, Conversation
from baton.graph import advance
from support.crashing import LEASE_SECONDS, die_after
from support.minds import call, calls

BIDS = {"ann": {"cost": 9, "seconds": 10, "confidence": 0.5}, "bob": {"cost": 5, "seconds": 60, "confidence": 0.9}}


def team() -> list[Agent]:
    """A boss that awards to the cheapest, who is bob; bob then fails."""
    boss = Agent("boss", hands_off_to=tuple(BIDS), awards="cheapest", notes=True, policy="allow-all")
    return [boss, *(Agent(name, f"you are {name}", policy="allow-all") for name in BIDS)]


def plays(conversation: Conversation) -> Answer:
    """Everybody's part."""
    goal, *news = conversation.user_texts()
    first = str(conversation.body["messages"][0])
    me = next((name for name in BIDS if f"you are {name}" in first), "boss")
    done = [name for name, _, _ in conversation.results()]
    if "What would it take" in goal:
        return calls(call("finish", summary="a bid", answer=BIDS[me]))
    if me != "boss":
        return calls(call("finish", summary=f"by {me}", outcome="failed" if me == "bob" else "done"))
    if "write_note" in done:
        return calls(call("finish", summary="painted"))
    if any('"outcome": "done"' in text for text in news):
        return calls(call("write_note", field="painted", value="by ann"))
    asked = call("call_for_proposals", to=list(BIDS), task="paint it")
    return Answer(text="waiting") if done else calls(asked)


def work(database: Path, url: str, number: int) -> None:
    """Work until the run has settled, or has committed so often; 0 is never. The main function of a process."""
    os.environ["OPENAI_BASE_URL"] = url
    asyncio.run(_work(database, number))


async def _work(database: Path, number: int) -> None:
    advance.LEASE_SECONDS = LEASE_SECONDS
    async with Baton(agents=team(), database=database) as baton:
        if number:
            die_after(baton.ledger, number)
        for run in [one for one in await baton.runs() if one.parent is None]:
            await (await baton.open(run.id)).settled()
