"""Ten thousand child runs without model calls, joined by one parent: how long it takes, and whether memory stays flat.

The parent is a workflow of one `Map`, each child a workflow of one tool call, carried out through the effect ledger:
claimed before and confirmed after, each commit with a full fsync. Nothing is asked of a model. `CHILDREN` sets another
number.
"""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from report import Figure, report

from baton.agents import tool
from baton.app import Baton
from baton.core import RunId
from baton.graph.patterns import Call, Do, Map, Workflow
from baton.ledger import joins

CHILDREN = int(os.environ.get("CHILDREN", "10000"))
AT_ONCE = 256


@tool(effect="write")
async def add(number: int) -> int:
    """Add one."""
    return number + 1


CHILD = Workflow(
    "child", Call("add", "add", lambda data: {"number": int(data["goal"])}), tools=[add], policy="allow-all"
)


def parent(count: int) -> Workflow:
    """Hands one piece on for each number, and adds up what comes back."""
    step = Do("each", "child", "{item}")
    total = lambda told: {"sum": sum(int(one) for one in told["answers"]), "of": told["returned"]}  # noqa: E731
    return Workflow(
        "parent", Map(list(range(count)), step, name="all", at_once=AT_ONCE, reduce=total), policy="allow-all"
    )


def megabytes() -> float:
    """What this process holds of the machine's memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def watched(baton: Baton, run: RunId, memory: dict[str, float]) -> None:
    """Note the memory when a tenth, half and nine tenths of the children have ended."""
    marks = {"at a tenth": CHILDREN // 10, "half way": CHILDREN // 2, "at nine tenths": CHILDREN * 9 // 10}
    while marks:
        join = await baton.ledger.read(lambda tx: joins.get(tx, run, "all"))
        for name in [name for name, count in marks.items() if join is not None and join.ended >= count]:
            memory[name] = megabytes()
            del marks[name]
        await asyncio.sleep(0.05)


async def main() -> None:
    """Measure."""
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with Baton(agents=[parent(CHILDREN), CHILD], database=Path(folder) / "b.db", concurrency=64) as baton:
            await asyncio.sleep(0.5)
            began = time.perf_counter()
            run = await baton.submit("add", agent="parent")
            watching = asyncio.create_task(watched(baton, run.id, memory))
            result: Any = await run.result()
            seconds = time.perf_counter() - began
            await watching
            assert json.loads(result.summary) == {"of": CHILDREN, "sum": CHILDREN * (CHILDREN + 1) // 2}
    figures = [
        Figure(metric=f"{CHILDREN} children", value=seconds, unit="s", goal="<= 180" if CHILDREN == 10_000 else ""),
        Figure(metric="children a second", value=CHILDREN / seconds, unit="1/s"),
        *(Figure(metric=f"memory {name}", value=value, unit="MB") for name, value in memory.items()),
        Figure(
            metric="memory, nine tenths over a tenth",
            value=memory["at nine tenths"] / memory["at a tenth"],
            unit="times",
            goal="<= 1.1",
        ),
    ]
    report("children", figures)


if __name__ == "__main__":
    asyncio.run(main())
