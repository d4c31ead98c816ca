"""How fast work is handed on between two local agents, and how many events a second are taken in durably.

A hand-off counts from the offer's commit until the taker has it, less the time of the taker's model. Events are
published 500 at once, each acknowledged after its commit. Writes bench/results/together.json. Arguments:
`--hand-offs N` (default 200), `--events N` (default 10000).
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from report import Figure, report

from baton import Agent, Baton
from baton.agents.simulated import Answer, Conversation
from baton.ledger import Transaction, handoffs, journal, runs
from support.minds import Says, call, calls

BATCH = 500


def _answer(conversation: Conversation) -> Answer:
    first, *later = conversation.user_texts()
    if "# Goal\ntake" in first:
        return Answer(text="taken")
    if later:
        return Answer(text="handed on")
    if any(conversation.results()):
        return Answer(text="waiting")
    return calls(call("hand_off", to="taker", task="take it"))


async def handing(folder: Path, many: int) -> list[float]:
    """Milliseconds from an offer until it was taken, beside the model's time; one after the other."""
    giver = Agent("giver", policy="allow-all", hands_off_to=["taker"])
    async with Baton(
        agents=[giver, Agent("taker", policy="allow-all")], database=folder / "h.db", mind=Says(_answer)
    ) as baton:
        took: list[float] = []
        for number in range(many + 5):
            run = await baton.submit(f"hand it on {number}")
            await run.result()
            took.append(await baton.ledger.read(lambda tx, id=run.id: _took(tx, id)))  # type: ignore[misc]
        return took[5:]


def _took(tx: Transaction, run: str) -> float:
    (made,) = handoffs.of_run(tx, runs.find(tx, run))
    assert made.taken_at is not None
    assert made.child is not None
    thought = journal.calls(tx, made.child)[0].seconds
    return 1000 * (made.taken_at - made.offered_at - thought)


async def taking_in(folder: Path, many: int) -> float:
    """Events a second."""
    async with Baton(database=folder / "e.db", dispatch=False) as baton:
        began = time.perf_counter()
        for start in range(0, many, BATCH):
            batch = range(start, min(many, start + BATCH))
            await asyncio.gather(*(baton.publish("order.paid", key=f"o{n}", data={"n": n}) for n in batch))
        return many / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hand-offs", type=int, default=200)
    parser.add_argument("--events", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took = asyncio.run(handing(Path(folder), options.hand_offs))
        rate = asyncio.run(taking_in(Path(folder), options.events))
    most = sorted(took)[int(0.95 * len(took))]
    report(
        "together",
        [
            Figure(metric="offered to taken, beside the model", value=statistics.median(took), unit="ms", goal="<= 20"),
            Figure(metric="the same, 95 % at most", value=most, unit="ms"),
            Figure(metric="events taken in durably", value=rate, unit="a second", goal=">= 1000"),
        ],
    )


if __name__ == "__main__":
    main()
