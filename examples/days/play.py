"""An order that waits ten days for its approval, while a price changes and an address expires.

python examples/days/play.py [--nothing-changes] [--folder DIR]

The shop, its agent's model, the person and the ten days are simulated, and say so; Baton is not. With --folder the
record is kept there, so that `baton` can look at it.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from baton import Agent, Baton, Rest, RunHandle, tool
from baton.agents.simulated import ScriptedMind, SimulatedCall
from baton.changes import drift
from baton.core import Label, ManualClock, Trust, format_time
from baton.graph.briefing import brief, brief_text, paused_at
from baton.ledger import Claim, Review
from baton.telling import tell

DAY = 86400.0
STREET = "12 Main Street"
RULES = """
@id("prices") permit (principal, action == Action::"call", resource is Tool::price_of);
@id("ask") @reason("orders are approved")
permit (principal, action == Action::"call_with_approval", resource is Tool::order);
"""
ORDER = {"article": "T-100", "count": 12, "street": STREET}
SCRIPT = [
    [SimulatedCall(name="price_of", arguments={"article": "T-100"})],
    [SimulatedCall(name="order", arguments=ORDER, reason="stock is low")],
]


class Shop:
    """A shop that is simulated: its prices, and what was ordered there."""

    def __init__(self) -> None:
        self.cents = 1200
        self.orders: list[str] = []

    def buyer(self, policy: Path) -> Agent:
        """Who orders there."""

        @tool(effect="read", verified=True, valid_for="1h")
        def price_of(article: str) -> dict[str, Any]:
            """What an article costs."""
            return {"article": article, "cents": self.cents}

        @tool(rests_on=[Rest("price_of", fields=("cents",))])
        def order(article: str, count: int, street: str) -> str:
            """Order an article and have it sent."""
            self.orders.append(f"{count} of {article} to {street} at {self.cents / 100:.2f}")
            return f"ordered {self.orders[-1]}"

        return Agent("buyer", "Order what is needed.", [price_of, order], policy=policy)


async def play(folder: Path, screen: Console, *, changes: bool) -> Shop:
    """Play it, and show it."""
    policy = folder / "shop.cedar"
    policy.write_text(RULES)
    clock, shop = ManualClock(), Shop()

    def open_baton() -> Baton:
        return Baton(
            agents=[shop.buyer(policy)], database=folder / "baton.db", mind=ScriptedMind([SCRIPT]), clock=clock
        )

    screen.print("The shop, the model, Ann and the days are simulated.\n", style="dim")
    async with open_baton() as baton:
        known = Claim(
            scope="team",
            subject="the depot",
            text=f"Deliveries of T-100 go to {STREET}",
            label=Label(Trust.USER),
            valid_to=clock.now() + 7 * DAY if changes else None,
        )
        await baton.memory.remember(known)
        run = await baton.submit("Order 12 of T-100 for the depot")
        await run.settled()
        (first,) = await baton.reviews.waiting()
        _shown(screen, "The agent asks, and everybody goes home", first)

    clock.advance(10 * DAY)
    shop.cents = 1500 if changes else shop.cents
    async with open_baton() as baton:
        run = await baton.open(run.id)
        await _brief(screen, baton, run)
        screen.print("\nAnn comes back and approves what she was asked ten days ago.", style="bold")
        await baton.approve(first.id, by="ann")
        await run.settled()
        for again in await baton.reviews.waiting():
            _shown(screen, "It is not carried out: she is asked again, with the difference", again)
            screen.print("\nAnn approves it as it is now.", style="bold")
            await baton.approve(again.id, by="ann")
        await run.result()
        screen.print("\nWhat happened", style="bold underline")
        async for moment in run.story(to_end=True):
            if (line := tell(moment)) is not None:
                screen.print(Text(f"  {format_time(moment.event.at)}  {line.mark} {line.text}"))
    screen.print(Text(f"\nOrdered: {', '.join(shop.orders)}", style="bold green"))
    return shop


async def _brief(screen: Console, baton: Baton, run: RunHandle) -> None:
    tools = baton.agents["buyer"].specs
    told = await baton.ledger.read(lambda tx: brief(tx, run.id, paused_at(tx, run.id), tools))
    screen.print("\nTen days later. What `baton runs brief` says:", style="bold underline")
    screen.print(Text(brief_text(told)))


def _shown(screen: Console, title: str, review: Review) -> None:
    screen.print(f"\n{title}", style="bold underline")
    screen.print(Text(f"  {review.id}: {review.question['summary']}"))
    screen.print(Text(f"  {review.tool} {review.question['arguments']}"))
    for change in drift(review.question):
        screen.print(Text.assemble(f"  {change.name}  ", (change.before, "red"), "  →  ", (change.after, "green")))


def main() -> None:
    """Read the command line and play."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nothing-changes", action="store_true", help="the approval stands, and the order runs once")
    parser.add_argument("--folder", type=Path, help="where the record is kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        folder: Path = given.folder or Path(aside)
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(play(folder, Console(highlight=False, soft_wrap=True), changes=not given.nothing_changes))


if __name__ == "__main__":
    main()
