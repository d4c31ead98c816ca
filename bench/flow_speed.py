"""How fast Flow reads: a record of 1,000,000 events, all figures, the page's parts, and what a minute adds.

The lives of its runs are kept, as the keeper beside a worker keeps them. Writes bench/results/flow_speed.json.
Arguments: `--events N` (default 1000000).
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report import Figure, report
from sqlalchemy import insert

from baton.core import ManualClock
from baton.flow import Keeper
from baton.flow.report import read_report
from baton.ledger import Ledger, Transaction
from baton.ledger.schema import effects, events, model_calls, runs
from baton.server.pages.flow_time import read_time
from baton.server.pages.flowing import read_flow

EACH = 25
START = 1_767_571_200.0
TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report("flow_speed", asyncio.run(bench(str(Path(folder) / "b.db"), options.events // EACH)))


async def bench(database: str, many: int) -> list[Figure]:
    clock = ManualClock(START)
    ledger = await Ledger.open(database, clock)
    step = 7 * 86400.0 / many  # a week of it
    for start in range(0, many, 2_000):
        await ledger.write(lambda tx, start=start: fill(tx, start, min(many, start + 2_000), step))  # type: ignore[misc]
    clock.advance(7 * 86400.0 + 600.0)
    began = time.perf_counter()
    keeper = Keeper(ledger)
    await keeper.look()
    kept = time.perf_counter() - began
    looks = []
    minute = max(1, round(60.0 / step))
    for number in range(TIMES):
        clock.advance(60.0)
        at = clock.now() - 60.0
        await ledger.write(
            lambda tx, at=at, n=number: fill(tx, many + n * minute, many + (n + 1) * minute, 60.0 / minute, at)
        )  # type: ignore[misc]
        began = time.perf_counter()
        await keeper.look()
        looks.append(time.perf_counter() - began)
    figures = await timed(ledger, lambda tx: read_report(tx, tx.now - 7 * 86400.0))
    page = [await timed(ledger, lambda tx: read_flow(tx, "week")), await timed(ledger, lambda tx: read_time(tx, "day"))]
    await ledger.close()
    return [
        Figure(metric="all figures of a week", value=figures, unit="s", goal="<= 2"),
        Figure(metric="the page at once", value=page[0] * 1000, unit="ms", goal="<= 300"),
        Figure(metric="its part on time, of a day", value=page[1] * 1000, unit="ms", goal="<= 300"),
        Figure(metric="a minute of traffic, and the look", value=statistics.median(looks) * 1000, unit="ms"),
        Figure(metric="events in that minute", value=minute * EACH, unit=""),
        Figure(metric="keeping all lives, once", value=kept, unit="s"),
    ]


async def timed(ledger: Ledger, look: Callable[[Transaction], Any]) -> float:
    """The median time of a look, in seconds; the first is not counted."""
    took: list[float] = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        await ledger.read(look)
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])


def fill(tx: Transaction, first: int, last: int, step: float, since: float = START) -> None:
    """Runs as an agent leaves them: four turns, tools, a question to people."""
    rows: dict[Any, list[dict[str, Any]]] = {runs: [], events: [], model_calls: [], effects: []}
    for number in range(first, last):
        chance, run = random.Random(number), f"run_{number:010}"
        at = since + ((number - first) if since != START else number) * step
        begun, seq = at, 0

        def event(kind: str, **data: Any) -> None:
            nonlocal seq
            seq += 1
            rows[events].append({"run": run, "seq": seq, "kind": kind, "data": json.dumps(data), "at": at})  # noqa: B023

        event("run.submitted", agent="clerk", parent=None)
        for turn in range(1, 5):
            seconds = chance.lognormvariate(0.3, 0.4)
            at += seconds
            event("model.answered", turn=turn, model="m", calls=1, tokens=[900, 80], seconds=seconds, attempts=1)
            call = {"run": run, "turn": turn, "model": "m", "finish": "stop", "prompt_tokens": 900, "left_out": 0}
            rows[model_calls].append(call | {"completion_tokens": 80, "seconds": seconds, "attempts": 1, "at": at})
            event("action.judged", action=f"{run}.{turn}", tool="look", ruling="allow", rules=["a"], problem=None)
            event("effect.claimed", action=f"{run}.{turn}", tool="look")
            claimed, at = at, at + 0.2
            event("effect.done", action=f"{run}.{turn}")
            effect = {"key": f"{run}.{turn}", "run": run, "tool": "look", "state": "done", "epoch": 1, "attempts": 1}
            rows[effects].append(effect | {"claimed_at": claimed, "ended_at": at})
        event("review.opened", review=f"rev_{run}", asks="action", action="a", tool="look", about="clerk/look")
        event("review.expected", review=f"rev_{run}", half_by=None, most_by=None, staffed=True, next=None)
        at += chance.expovariate(1 / 40)
        event("review.claimed", review=f"rev_{run}", by="ann", until=at + 900.0, renewed=False)
        at += chance.expovariate(1 / 40)
        event("review.closed", review=f"rev_{run}", decision="approve", by="ann")
        event("message.decision", message="m", sender="ann", ref=f"rev_{run}")
        event("call.recorded", action="x")
        event("plan.made", action="x", steps=[])
        event("run.ended", outcome="done")
        row = {"id": run, "agent": "clerk", "conversation": run, "goal": 1, "trust": 3, "status": "done", "wake": 1}
        row |= {"seen": 1, "not_before": 0.0, "attempts": 0, "epoch": 1, "events": seq, "turns": 4, "rank": begun}
        rows[runs].append(row | {"prompt_tokens": 1, "completion_tokens": 1, "created_at": begun, "ended_at": at})
    for table, found in rows.items():
        tx.execute(insert(table), found)


if __name__ == "__main__":
    main()
