"""A worker that tells what happens, as a process of its own, for tests that kill it."""

import asyncio
import os
from pathlib import Path

from baton import Agent, Baton, secret, tool
from baton.graph import advance
from baton.ledger import notices
from baton.review.notices import Notices, Webhook, courier
from support.office import set_policy
from support.working import quick

ASK = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'


def clerk(folder: Path) -> Agent:
    """An agent with one tool that is asked about."""

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        return f"paid {cents}"

    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", ASK))


def config(port: int) -> Notices:
    """Everything is told to a port of this machine."""
    url = f"http://127.0.0.1:{port}/in"
    return Notices(webhooks=(Webhook(name="chat", url=url, secrets=(secret("T_HOOK"),), private=True),))


def work(database: str, folder: Path, model: str, port: int, key: str) -> None:
    """Work for ever; the main function of a process."""
    os.environ["OPENAI_BASE_URL"], os.environ["T_HOOK"] = model, key
    quick()
    advance.LEASE_SECONDS = 1.0
    notices.HOLD_SECONDS = 1.0
    courier.POLL_SECONDS = 0.05

    async def main() -> None:
        async with Baton(agents=[clerk(folder)], database=database, notices=config(port)):
            await asyncio.Event().wait()

    asyncio.run(main())
