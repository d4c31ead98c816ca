"""How fast the pages are in Chromium, and what an open one costs the server.

With 1,000 open questions: the first byte and the size of the review page, the next question by a key, a decision seen
in another window. The page of a run of 2,000 events, which were put there. The first word of an answer, behind the
model's. The memory that 500 open streams take of a server in a process of its own. Medians of ASKED. Writes
bench/results/pages.json.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import httpx
from report import Figure, median, report

from baton import Agent, Baton, tool
from baton.agents.simulated import Answer, Conversation, Fault, Faults, SimulatedCall
from baton.core import RunId
from baton.ledger import Transaction, events
from support import Says, open_office, set_policy, soon
from support.browsing import Site, Window, open_site

OPEN, EVENTS, STREAMS, ASKED = 1_000, 2_000, 500, 15

ASK = '@id("ask") @deadline("4h") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
LONG = " ".join(f"word{number}" for number in range(60))


def clerk(folder: Path) -> Agent:
    """Pays when people say so."""

    @tool
    async def pay(order: str, cents: int, customer: str, reason: str) -> str:
        """Pay."""
        return f"paid {cents}"

    return Agent("clerk", tools=[pay], policy=set_policy(folder / "clerk.cedar", ASK))


def answers(conversation: Conversation) -> Answer:
    """Pays an order, or talks, as it is told."""
    told = conversation.user_texts()[0]
    done = sum(1 for _ in conversation.results())
    if "talk" in told:
        return Answer(text=LONG)
    if done:
        return Answer(text="done")
    given = {"order": f"F-{told[-12:]}", "cents": 4200, "customer": "ann@mail.example", "reason": "arrived broken"}
    return Answer(calls=(SimulatedCall(name="pay", arguments=given),))


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slow = Faults(rate=1.0, kinds=[Fault.SLOW], pause=0.01)
        async with open_office(folder / "baton.db", [clerk(folder)], Says(answers), stream=True) as baton:
            runs = [await baton.submit(f"pay order {number:08}") for number in range(OPEN)]
            for run in runs:
                await run.settled()
            await baton.ledger.write(lambda tx: lengthen(tx, runs[0].id))
            async with open_site(baton) as site, site.window() as me, site.window() as other:
                found = [*await reviews(site, me, other), await run_page(me, runs[0].id)]
        async with open_office(folder / "talk.db", [clerk(folder)], Says(answers), stream=True, faults=slow) as baton:
            found.append(await first_words(baton))
        found.append(await streams(folder))
    report("pages", found)


def lengthen(tx: Transaction, run: RunId) -> None:
    """Give a run as many events as a long one has: a turn, a call that is claimed and done, and again."""
    action = f"{run}.1.0"  # the one it has
    for number in range(EVENTS // 3):
        events.emit(tx, run, "model.answered", turn=number + 2, calls=1, tokens=[100, 10], seconds=0.01)
        events.emit(tx, run, "effect.claimed", action=action, tool="look")
        events.emit(tx, run, "effect.done", action=action)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """How many milliseconds it takes."""
    started = time.perf_counter()
    await work()
    return 1000 * (time.perf_counter() - started)


async def reviews(site: Site, me: Window, other: Window) -> list[Figure]:
    """The review page with everything open."""
    cookies = {one["name"]: one["value"] for one in await me.page.context.cookies()}
    firsts, sizes, nexts, decided = [], [], [], []
    async with httpx.AsyncClient(cookies=cookies, base_url=site.url, headers={"accept-encoding": "gzip"}) as http:
        for _ in range(ASKED):
            started = time.perf_counter()
            async with http.stream("GET", "/reviews") as response:
                firsts.append(1000 * (time.perf_counter() - started))
                sizes.append(sum([len(part) async for part in response.aiter_raw()]) / 1000)
    await me.open("/reviews")
    await other.open("/reviews")
    for _ in range(ASKED):
        before = await me.page.locator("#review").get_attribute("data-review") if nexts else ""
        nexts.append(await timed(lambda: _stepped(me, before or "")))  # noqa: B023
    for _ in range(ASKED):
        id = await me.page.locator("#review").get_attribute("data-review") or ""
        decided.append(await timed(lambda: _seen(me, other, id)))  # noqa: B023
        await _holds(me, _ANOTHER, id)
    return [
        Figure(metric=f"review page, {OPEN} open: first byte", value=median(firsts), unit="ms", goal="<= 100"),
        Figure(metric="its size", value=median(sizes), unit="kB", goal="<= 80"),
        Figure(metric="the next question, by a key", value=median(nexts), unit="ms", goal="<= 100"),
        Figure(metric="a decision, in another window", value=median(decided), unit="ms", goal="<= 300"),
    ]


_ANOTHER = "id => (document.getElementById('review')?.dataset.review ?? id) !== id"
_DECIDED = "id => /approved it/.test(document.getElementById('item-' + id)?.textContent)"


async def _stepped(me: Window, before: str) -> None:
    await me.press("j")
    await _holds(me, _ANOTHER, before)


async def _seen(me: Window, other: Window, id: str) -> None:
    """Decided in one window; the list of the other shows that it was."""
    await me.press("a")
    await _holds(other, _DECIDED, id)


async def _holds(window: Window, condition: str, id: str) -> None:
    """Until a condition holds in a window, looked at again and again."""
    async with asyncio.timeout(10):
        while not await window.page.evaluate(condition, id):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.003)


async def run_page(me: Window, run: str) -> Figure:
    """The page of a long run, until it is shown."""
    times = [await timed(lambda: me.open(f"/runs/{run}")) for _ in range(ASKED)]
    return Figure(
        metric=f"the page of a run of {EVENTS} events",
        value=median(times),
        unit="ms",
        goal="<= 1000",
    )


async def first_words(baton: Baton) -> Figure:
    """From the first word that this process has of the model to the browser's end of the stream."""
    behind: list[float] = []
    async with open_site(baton) as site, site.window() as me:
        cookies = {one["name"]: one["value"] for one in await me.page.context.cookies()}
        async with httpx.AsyncClient(cookies=cookies, base_url=site.url, timeout=30) as http:
            for _ in range(ASKED):
                run = await baton.converse()
                behind.append(await _behind(baton, http, run.id, lambda: run.message("talk")))  # noqa: B023
                await soon(run.settled())
    return Figure(metric="the first word, behind the model's", value=median(behind), unit="ms", goal="<= 30")


async def _behind(baton: Baton, http: httpx.AsyncClient, run: str, say: Callable[[], Awaitable[None]]) -> float:
    async def heard_here() -> float:
        with baton.live.listen() as ear:
            while True:
                await ear.wait()
                if any(piece.run == run and piece.text for piece in ear.take()):
                    return time.perf_counter()

    async with http.stream("GET", f"/live?run={run}") as response:
        lines = response.aiter_lines()
        await anext(lines)
        here = asyncio.create_task(heard_here())
        await asyncio.sleep(0.05)
        await say()
        async for line in lines:
            if line.startswith("data: ") and '"text": "' in line and '"text": ""' not in line:
                return 1000 * (time.perf_counter() - await here)
    raise RuntimeError("nothing was said")


async def streams(folder: Path) -> Figure:
    """What so many open streams take, of a server in a process of its own."""
    async with served(folder) as (process, http):
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(http.stream("GET", "/live"))
            await asyncio.sleep(1)
            idle = _memory(process)
            for _ in range(STREAMS):
                await stack.enter_async_context(http.stream("GET", "/live"))
            await asyncio.sleep(2)
            return Figure(metric=f"{STREAMS} open streams", value=_memory(process) - idle, unit="MB", goal="<= 150")


def _memory(process: "subprocess.Popen[str]") -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


@contextlib.asynccontextmanager
async def served(folder: Path) -> AsyncGenerator[tuple["subprocess.Popen[str]", httpx.AsyncClient]]:
    """`baton serve` on the desk, and a client that is signed in."""
    desk = Path(__file__).parents[1] / "examples" / "desk" / "agents.yaml"
    command = [sys.executable, "-m", "baton.cli", "serve", "--port", "0", "-a", str(desk), "-d", str(folder / "s.db")]
    environment = {**os.environ, "DESK_WORLD": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        link = ""
        while not (found := re.match(r"(http://\S+)/sign-in\?token=(\S+)", link)):
            link = await asyncio.to_thread(process.stdout.readline)
        limits = httpx.Limits(max_connections=STREAMS + 10)
        async with httpx.AsyncClient(base_url=found[1], limits=limits, timeout=60) as http:
            (await http.post("/api/v1/session", json={"token": found[2]})).raise_for_status()
            yield process, http
        process.terminate()


if __name__ == "__main__":
    asyncio.run(main())
