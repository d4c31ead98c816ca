"""What a dormant run costs on the disk: runs that have worked for a turn and wait for a person, or for an event."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from baton.agents import Agent, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.app import Baton
from baton.ledger import growth, runs

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000


@tool
async def refund(order: str, cents: int) -> str:
    """Refund an order."""
    return f"refunded {cents}"


class Parks:
    """Half of the runs ask before a refund, half wait for an event."""

    def answer(self, conversation: Conversation) -> Answer:
        if list(conversation.results()):
            return Answer(text="waiting")
        number = int(conversation.user_texts()[0].split()[-1])
        arguments = {"order": f"order-{number}", "cents": 100}
        if number % 2:
            return Answer(calls=(SimulatedCall(name="refund", arguments=arguments),))
        return Answer(calls=(SimulatedCall(name="wait_for", arguments={"event": "shipped", "key": str(number)}),))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "baton.db"
        clerk = Agent("clerk", tools=[refund], policy="ask-writes")
        async with Baton(agents=[clerk], database=database, mind=Parks()) as baton:
            empty, started = baton.ledger.database.size(), time.perf_counter()
            for number in range(RUNS):
                await baton.submit(f"Handle the broken tea pot of order {number}")
            await baton.until(lambda tx: None if runs.listed(tx, statuses=["ready"], limit=1) else True)
            print(f"{(baton.ledger.database.size() - empty) / RUNS:,.0f} bytes a run before a vacuum")
            print(f"{RUNS} runs parked in {time.perf_counter() - started:.0f} s")
        async with Baton(database=database) as baton:
            await growth.vacuum(baton.ledger)
            size = baton.ledger.database.size()
            print(f"{(size - empty) / RUNS:,.0f} bytes a run, {size:,} in all")
            for table in await baton.ledger.read(growth.sizes):
                print(f"  {table.name:20} {table.rows:>8,} rows {(table.bytes or 0) / RUNS:>8,.0f} bytes a run")


if __name__ == "__main__":
    asyncio.run(main())
