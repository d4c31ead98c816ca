"""Two workers on Postgres beside one, with tools that wait 50 ms. Workers are processes, the model one of its own."""

import asyncio
import multiprocessing
import os
import sys
import time
from multiprocessing.synchronize import Event
from typing import Any

from report import Figure, median, report

from baton.agents import Agent, SimulatedServer, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.app import Baton
from baton.core import Goal
from support.postgres import postgres_server

RUNS = 60
CALLS = 5
CONCURRENCY = 2
ROUNDS = 3


@tool(effect="read")
async def look(number: int) -> str:
    """Look something up, which takes 50 ms."""
    await asyncio.sleep(0.05)
    return f"found {number}"


class Plan:
    """Look something up five times, one after the other."""

    name = "bench"

    def answer(self, conversation: Conversation) -> Answer:
        seen = len(list(conversation.results()))
        if seen == CALLS:
            return Answer(text="done")
        return Answer(calls=(SimulatedCall(name="look", arguments={"number": seen}),))


AGENT = Agent("bench", tools=[look], policy="allow-all")


def model(address: Any) -> None:
    """Serve the simulated model; the main function of a process."""

    async def serve() -> None:
        async with SimulatedServer(Plan()) as server:
            address.put(server.base_url)
            await asyncio.Event().wait()

    asyncio.run(serve())


def worker(database: str, url: str, ready: Event, ending: Event) -> None:
    """Work until told to end; the main function of a process."""
    os.environ["OPENAI_BASE_URL"] = url

    async def work() -> None:
        async with Baton(agents=[AGENT], database=database, concurrency=CONCURRENCY):
            await asyncio.sleep(1)  # the imports that come with the first run, and the first look at the jobs
            ready.set()
            await asyncio.to_thread(ending.wait)

    asyncio.run(work())


async def drained(database: str) -> float:
    """Seconds in which the workers carry all runs out."""
    async with Baton(agents=[AGENT], database=database, dispatch=False) as baton:
        await (await baton.submit(Goal("warm up"))).result()
        started = time.perf_counter()
        handles = await asyncio.gather(*(baton.submit(Goal(f"look {number}")) for number in range(RUNS)))
        for handle in handles:
            await handle.result()
        return time.perf_counter() - started


def measured(database: str, url: str, workers: int) -> float:
    ready, ending = [multiprocessing.Event() for _ in range(workers)], multiprocessing.Event()
    processes = [multiprocessing.Process(target=worker, args=(database, url, one, ending)) for one in ready]
    for process in processes:
        process.start()
    for one in ready:
        one.wait(60)
    try:
        return asyncio.run(drained(database))
    finally:
        ending.set()
        for process in processes:
            process.join(60)


def main() -> None:
    multiprocessing.set_start_method("spawn")
    address: Any = multiprocessing.Queue()
    endpoint = multiprocessing.Process(target=model, args=(address,), daemon=True)
    endpoint.start()
    url = address.get(timeout=60)
    with postgres_server() as server:
        times = [(measured(server.database(), url, 1), measured(server.database(), url, 2)) for _ in range(ROUNDS)]
    endpoint.terminate()
    one, two = median([time for time, _ in times]), median([time for _, time in times])
    calls = RUNS * CALLS
    report(
        "two_workers",
        [
            Figure(metric=f"{calls} calls of 50 ms, two workers", value=two, unit="s", rival="one", rival_value=one),
            Figure(metric="two workers beside one", value=one / two, unit="x", goal=">= 1.7"),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
