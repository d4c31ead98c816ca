"""Suspending and resuming a run while many others sleep, and waking: on both databases.

Two records are open side by side, one with 100 dormant runs and one with 100,000, and take turns, so that a busy
machine slows both alike. A run suspends when it asks a person, and resumes when the person says yes.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from report import Figure, median, report
from sqlalchemy import text

from baton.agents import Agent, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.app import Baton
from baton.core import Goal
from baton.ledger import Transaction
from support.postgres import postgres_server

DORMANT = (100, 100_000)
ROUNDS = 40
WAKES = 60

_TABLES = {  # of each the columns that name the run or its things, and those that the database numbers itself
    "runs": (("id", "key", "conversation"), ()),
    "messages": (("id", "run"), ("seq",)),
    "transcript": (("run",), ()),
    "model_calls": (("run",), ()),
    "actions": (("id", "run", "review"), ()),
    "effects": (("key", "run"), ()),
    "reviews": (("id", "run", "action", "decision"), ()),
    "events": (("run",), ("id",)),
    "checkpoints": (("thread",), ()),
    "checkpoint_writes": (("thread",), ()),
}


@tool(effect="write")
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


class Plan:
    """Pay once, then say so."""

    name = "bench"

    def answer(self, conversation: Conversation) -> Answer:
        said = conversation.user_texts()[-1]
        if "[review" in said:
            return Answer(text="done")
        if list(conversation.results()):
            return Answer(text="waiting")
        return Answer(calls=(SimulatedCall(name="pay", arguments={"amount": 5}),))


AGENT = Agent("bench", tools=[pay], policy="ask-writes")


def sleep_beside(run: str, count: int, tx: Transaction) -> None:
    """Copy a sleeping run with all its rows, `count` times."""
    for table, (names, numbered) in _TABLES.items():
        of_run = {"runs": "id", "checkpoints": "thread", "checkpoint_writes": "thread"}.get(table, "run")
        found = tx.rows(text(f"SELECT * FROM {table} WHERE {of_run} = :run"), run=run)
        if not found:
            continue
        columns = [name for name in found[0]._fields if name not in numbered]
        quoted = ", ".join(f'"{name}"' for name in columns)
        copied = ", ".join(f"t.\"{c}\" || '_' || n.n" if c in names else f't."{c}"' for c in columns)
        series = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :count)"
        insert = f"INSERT INTO {table} ({quoted})"
        select = f"SELECT {copied} FROM {table} t, n WHERE t.{of_run} = :run"
        if tx.connection.dialect.name == "postgresql":
            tx.connection.execute(text(f"{insert} {series} {select}"), {"run": run, "count": count})
        else:
            tx.connection.execute(text(f"{series} {insert} {select}"), {"run": run, "count": count})


async def suspended(baton: Baton) -> tuple[str, float]:
    """A new run that has come to ask a person: its review, and the milliseconds that it took."""
    started = time.perf_counter()
    (review,) = (await (await baton.submit(Goal("pay 5"))).settled()).reviews
    return review.id, (time.perf_counter() - started) * 1000


async def resumed(baton: Baton, review: str) -> float:
    """Milliseconds from a person's answer to the end of the run."""
    run = await baton.open((await baton.reviews.get(review)).run)
    started = time.perf_counter()
    await baton.approve(review)
    await run.result()
    return (time.perf_counter() - started) * 1000


@contextlib.asynccontextmanager
async def sleeping(database: str, count: int) -> AsyncIterator[Baton]:
    async with Baton(agents=[AGENT], database=database, mind=Plan()) as baton:
        review, _ = await suspended(baton)
        run = (await baton.reviews.get(review)).run
        await baton.ledger.write(lambda tx: sleep_beside(run, count, tx))
        if database.startswith("postgresql"):
            await asyncio.to_thread(_analyse, database)
        yield baton


def _analyse(database: str) -> None:
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


async def compare(name: str, few_in: str, many_in: str, counts: tuple[int, int]) -> list[Figure]:
    async with sleeping(few_in, counts[0]) as few, sleeping(many_in, counts[1]) as many:
        down: dict[Baton, list[float]] = {few: [], many: []}
        up: dict[Baton, list[float]] = {few: [], many: []}
        for number in range(ROUNDS + 5):
            for baton in (few, many) if number % 2 else (many, few):
                review, took = await suspended(baton)
                if number >= 5:
                    down[baton].append(took)
                    up[baton].append(await resumed(baton, review))
                else:
                    await resumed(baton, review)
        starts = await wake_to_start(few)
    figures: list[Figure] = []
    for what, times in (("suspend", down), ("resume", up)):
        slow, fast = median(times[many]), median(times[few])
        rival = f"with {counts[0]:,}"
        metric = f"{name}: {what}, {counts[1]:,} dormant"
        figures.append(Figure(metric=metric, value=slow, unit="ms", rival=rival, rival_value=fast))
        figures.append(Figure(metric=f"{name}: {what}, ratio", value=slow / fast, unit="x", goal="<= 1.2"))
    figures.append(Figure(metric=f"{name}: wake to start, median", value=starts, unit="ms", goal="<= 50"))
    return figures


async def wake_to_start(baton: Baton) -> float:
    """Median milliseconds from an acknowledged submit to the lease that a worker takes for it."""
    found: list[float] = []
    for _ in range(WAKES):
        run = await baton.submit(Goal("pay 5"))
        started = time.perf_counter()
        while (await run.status()).epoch == 0:  # noqa: ASYNC110 - nothing tells of a lease that was taken
            await asyncio.sleep(0.0005)
        found.append((time.perf_counter() - started) * 1000)
        await run.settled()
    return median(found)


def main() -> None:
    counts = (DORMANT[0], int(sys.argv[1]) if len(sys.argv) > 1 else DORMANT[1])
    folder = Path(tempfile.mkdtemp(prefix="baton-bench-"))
    try:
        figures = asyncio.run(compare("SQLite", str(folder / "few.db"), str(folder / "many.db"), counts))
        with postgres_server() as server:
            figures += asyncio.run(compare("Postgres", server.database(), server.database(), counts))
        report("suspend", figures)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
