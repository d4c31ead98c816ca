"""An endpoint that goes away for a while, with and without another to go to, side by side.

Runs of a model call, a tool and another call come all the time; the endpoint is gone from 4 s to 9 s. Told are the
share of runs that took more than 2 s (misses), the seconds after the outage began until a run ended again, and after it
was over until no run was late any more. Writes bench/results/healing.json. Arguments: `--each N` (a second; default 8).
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from report import Figure, report

from baton import Agent, Baton, tool
from baton.agents import FallbackModel, OpenAIModel, SimulatedServer
from baton.core import Model
from support.minds import call, script

BEGIN, END, LENGTH = 4.0, 9.0, 16.0
LATE = 2.0


@tool(effect="read")
async def look() -> str:
    """Look."""
    return "seen"


MIND = script([call("look")])


@dataclass
class Course:
    """When runs were submitted and how long they took, in seconds from the beginning."""

    took: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    @property
    def missed(self) -> float:
        return 100 * sum(took > LATE for _, took in self.took) / len(self.took)

    @property
    def answered_again(self) -> float:
        """From the beginning of the outage until a run ended that was submitted in it."""
        return min((at + took for at, took in self.took if at >= BEGIN), default=LENGTH) - BEGIN

    @property
    def recovered(self) -> float:
        """From the end of the outage until no run is late any more."""
        return max([at + took - END for at, took in self.took if took > LATE] + [0.0])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=float, default=8.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare, healed = (
            asyncio.run(course(Path(folder) / name, options.each, name == "with")) for name in ("no", "with")
        )
    rows = (
        ("runs that took over 2 s", "%", bare.missed, healed.missed),
        ("a run ends again after", "s", bare.answered_again, healed.answered_again),
        ("no run late after the outage", "s", bare.recovered, healed.recovered),
    )
    report(
        "healing",
        [
            Figure(
                metric=name,
                value=with_,
                unit=unit,
                goal=f"<= {max(without, 0.5):.3g}",
                rival="without",
                rival_value=without,
            )
            for name, unit, without, with_ in rows
        ],
    )


async def course(folder: Path, each: float, healing: bool) -> Course:
    found, tasks = Course(), list[asyncio.Task[None]]()
    async with AsyncExitStack() as stack:
        server = SimulatedServer(MIND)
        await server.__aenter__()
        port = int(server.base_url.split(":")[2].split("/")[0])
        model = await stack.enter_async_context(asked(server.base_url, healing))
        baton = await stack.enter_async_context(
            Baton(agents=[Agent("clerk", tools=[look])], database=folder, model=model)
        )
        began = time.monotonic()
        outage = asyncio.create_task(go_away(server, port, stack))

        async def one(at: float) -> None:
            run = await baton.submit("go")
            await run.result()
            found.took.append((at, time.monotonic() - began - at))

        while (at := time.monotonic() - began) < LENGTH:
            tasks.append(asyncio.create_task(one(at)))
            await asyncio.sleep(1 / each)
        await asyncio.gather(outage, *tasks)
    return found


async def go_away(server: SimulatedServer, port: int, stack: AsyncExitStack) -> None:
    await asyncio.sleep(BEGIN)
    await server.__aexit__(None, None, None)
    await asyncio.sleep(END - BEGIN)
    await stack.enter_async_context(SimulatedServer(MIND, port=port))


@asynccontextmanager
async def asked(url: str, healing: bool) -> AsyncGenerator[Model]:
    """The endpoint alone, or with another."""
    async with OpenAIModel(base_url=url, api_key="simulated") as first:
        if not healing:
            yield first
            return
        async with SimulatedServer(MIND) as other, OpenAIModel(base_url=other.base_url, api_key="simulated") as second:
            yield FallbackModel(first, second, other.base_url)


if __name__ == "__main__":
    main()
