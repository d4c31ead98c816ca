"""Orders that rest on a price, in a process that kills itself at a named place."""

import asyncio
import os
from pathlib import Path

from baton import Agent, Baton, Rest, tool
from baton.graph import advance
from support.crashing import LEASE_SECONDS, deliver, die, die_after


def buyer(folder: Path, place: str = "never") -> Agent:
    """Somebody who orders at the price that stands in a file, and writes orders into another.

    Args:
        folder: Where `price` is, and `orders` are written.
        place: `in the reading` dies when the price is read; anything else does not.
    """

    @tool(effect="read", verified=True, valid_for=0.001)
    async def price_of(article: str) -> int:
        """The price."""
        if place == "in the reading":
            die()
        return int((folder / "price").read_text())

    @tool(rests_on=[Rest("price_of")], repeatable=True)
    async def order(article: str, *, key: str) -> str:
        """Order; the same key twice is one order."""
        deliver(folder / "orders", key, keyed=True)
        return "ordered"

    return Agent("buyer", tools=[price_of, order], policy=folder / "shop.cedar")


def work(folder: Path, place: str, url: str) -> None:
    """Work until every run has settled, or until the place is reached; the main function of a process."""
    os.environ["OPENAI_BASE_URL"] = url
    asyncio.run(_work(folder, place))


async def _work(folder: Path, place: str) -> None:
    advance.LEASE_SECONDS = LEASE_SECONDS
    async with Baton(agents=[buyer(folder, place)], database=folder / "baton.db") as baton:
        if place.startswith("after commit "):
            die_after(baton.ledger, int(place.removeprefix("after commit ")))
        for run in await baton.runs():
            await (await baton.open(run.id)).settled()
