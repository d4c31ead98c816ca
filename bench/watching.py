"""What it costs to be watched: the same runs with nobody watching, with figures, and with traces to a collector.

Rounds alternate, so that a busy machine slows all alike. Also how long a look of Prometheus takes on a large record.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from report import Figure, median, report

from baton.agents import Agent, tool
from baton.agents.simulated import ScriptedMind, SimulatedCall
from baton.app import Baton
from baton.core import Goal, Observer, Unobserved
from baton.ledger import Ledger, runs
from baton.ledger.standing import standing
from baton.server.figures import figures
from baton.telemetry import observer_of
from baton.telemetry.metrics import Metrics
from baton.telemetry.tracing import GivenIds
from support.servers import Says, web_server

ROUNDS = 9
RUNS = 25
RECORDED = 100_000


@tool(effect="write")
async def ping(text: str) -> str:
    """Answer."""
    return text


async def seconds(folder: Path, observer: Observer) -> float:
    """Of RUNS runs at once, each of two model calls and a write."""
    script = [[[SimulatedCall(name="ping", arguments={"text": "hello"})]]] * RUNS
    agent = Agent("bench", tools=[ping], policy="allow-all")
    async with Baton(agents=[agent], database=folder, mind=ScriptedMind(script), observer=observer) as baton:
        await baton.run("warm up")
        started = time.perf_counter()
        await asyncio.gather(*(baton.run(f"ping {number}") for number in range(RUNS)))
        return time.perf_counter() - started


async def compared() -> list[Figure]:
    """Milliseconds a run."""
    with web_server(lambda asked: Says(body=b"")) as collector:
        provider = TracerProvider(id_generator=GivenIds())
        exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{collector.port}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        kinds: dict[str, Callable[[], Observer]] = {
            "nobody watching": Unobserved,
            "figures": lambda: observer_of(Metrics(), environment={}),
            "figures and traces": lambda: observer_of(Metrics(), provider=provider, environment={}),
        }
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(ROUNDS):
            for name, made in kinds.items():
                with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
                    taken[name].append(1000 * await seconds(Path(folder), made()) / RUNS)
        provider.shutdown()
    return [Figure(metric=f"a run, {name}", value=median(times), unit="ms") for name, times in taken.items()]


async def scraped() -> list[Figure]:
    """One look at a record of many runs."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        ledger = await Ledger.open(str(Path(folder) / "baton.db"))
        for _ in range(RECORDED // 5000):
            await ledger.write(lambda tx: [runs.create(tx, Goal("a goal"), "bench") for _ in range(5000)][:0])
        times: list[float] = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            figures(await ledger.read(standing))
            times.append(1000 * (time.perf_counter() - started))
        await ledger.close()
    return [Figure(metric=f"figures of {RECORDED:,} runs, all ready", value=median(times), unit="ms")]


if __name__ == "__main__":
    report("watching", [*asyncio.run(compared()), *asyncio.run(scraped())])
