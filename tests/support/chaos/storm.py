"""Part two, random, on Postgres: two workers that are killed and stopped, cut connections, deciders who disagree."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from baton import Agent, Baton, Goal
from baton.core import Conflict, LedgerError
from baton.ledger import DecisionKind, Review, ReviewKind
from support.chaos.actor import Stage, honest, work
from support.chaos.plot import goal
from support.chaos.theatre import PROCESSES
from support.chaos.verdict import Record, Verdict, judge, read
from support.postgres import PostgresServer

WORKERS = 2
CONCURRENCY = 8
PAUSE = 0.15
"""Seconds that a tool takes at most, before and after what it does: where a process is stopped between the two."""

LEASE = 2.0
SILENCE = 1.5
"""Short, so that workers are taken for dead in the middle of everything."""


@dataclass(kw_only=True)
class Storm:
    """What happened.

    Attributes:
        weather: How often the monkey did what.
        accepted: For each review, the decisions that were answered "ok", as kind and person.
        kinds: What was decided, by the review's kind.
        unknown: For each review, those of which the connection was lost before the answer.
        conflicts: Decisions that came second and were told so.
        refused: Stale writes refused: what workers logged, with the run, their epoch and the newer one.
        stumbles: What else the workers logged, and how often.
        takeovers: Jobs of dead workers that went to another.
        epochs: Leases taken.
    """

    seconds: float = 0.0
    weather: Counter[str] = field(default_factory=Counter[str])
    accepted: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    unknown: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    kinds: Counter[str] = field(default_factory=Counter[str])
    conflicts: int = 0
    refused: list[str] = field(default_factory=list[str])
    stumbles: Counter[str] = field(default_factory=Counter[str])
    takeovers: int = 0
    epochs: int = 0
    verdict: Verdict = field(default_factory=Verdict)


class Worker:
    """One worker process, started again whenever it has died."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage, self._name, self._starts = stage, name, 0
        self._process: ForkServerProcess | None = None

    async def keep_up(self) -> None:
        """Start it if it is not there."""
        if self._process is None or self._process.exitcode is not None:
            self._starts += 1
            log = self._stage.folder / f"{self._name}-{self._starts}.log"
            arguments = (self._stage, log, PAUSE, CONCURRENCY)
            self._process = PROCESSES.Process(target=work, args=arguments, daemon=True)
            await asyncio.to_thread(self._process.start)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    async def kill(self) -> None:
        """Wait until it is gone."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            await asyncio.to_thread(self._process.join)


class Monkey:
    """Does something bad every now and then, until nobody is left to suffer from it."""

    def __init__(
        self,
        server: PostgresServer,
        workers: Sequence[Worker],
        chance: random.Random,
        weather: Counter[str],
        mild: bool,
    ) -> None:
        self._server, self._workers, self._chance, self._weather = server, workers, chance, weather
        self._deeds = [self._kill] * 5 + [self._stop] * 5 + [self._cut] * 3 + ([] if mild else [self._restart])

    async def rage(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.2, 2.0))
            await self._chance.choice(self._deeds)()
            for worker in self._workers:
                await worker.keep_up()

    async def _kill(self) -> None:
        self._weather["kill -9"] += 1
        await self._chance.choice(self._workers).kill()

    async def _stop(self) -> None:
        self._weather["SIGSTOP"] += 1
        worker = self._chance.choice(self._workers)
        worker.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(LEASE * self._chance.uniform(1.1, 2.0))
        finally:
            worker.signal(signal.SIGCONT)

    async def _cut(self) -> None:
        self._weather["connections cut"] += 1
        await asyncio.to_thread(self._server.cut)

    async def _restart(self) -> None:
        self._weather["Postgres restarted"] += 1
        await asyncio.to_thread(self._server.restart)


class Decider:
    """Somebody who answers whatever is asked, twice over, beside somebody else who does so too."""

    def __init__(self, name: str, stage: Stage, chance: random.Random, storm: Storm) -> None:
        self.name, self._stage, self._chance, self._storm = name, stage, chance, storm
        self._settled: set[str] = set()

    async def decide(self) -> None:
        while True:
            with contextlib.suppress(LedgerError):
                async with Baton(agents=[Agent("lead")], database=self._stage.database, dispatch=False) as baton:
                    await self._decide(baton)
            await asyncio.sleep(0.1)

    async def _decide(self, baton: Baton) -> None:
        while True:
            for review in await baton.reviews.waiting():
                if review.id not in self._settled:
                    answers = 1 + (self._chance.random() < 0.4)
                    await asyncio.gather(*(self._answer(baton, review) for _ in range(answers)))
            await asyncio.sleep(0.05)

    async def _answer(self, baton: Baton, review: Review) -> None:
        answer = honest(review, self._stage.world, by=self.name)
        if review.kind is ReviewKind.ACTION and self._chance.random() < 0.4:
            answer = replace(answer, kind=DecisionKind.REJECT, note="no")
        said = (answer.kind.value, self.name)
        try:
            await baton.decide(review.id, answer)
        except Conflict:
            self._storm.conflicts += 1
        except LedgerError:
            self._storm.unknown[review.id].append(said)
            return
        else:
            self._storm.accepted[review.id].append(said)
        self._settled.add(review.id)
        self._storm.kinds[review.kind] += 1


async def storm(
    server: PostgresServer, folder: Path, model: str, *, runs: int, seed: int, minutes: float, mild: bool = False
) -> Storm:
    """Have `runs` cases worked on in bad weather.

    Args:
        server: Of our own: its connections are cut, and unless `mild` it is restarted.
        folder: Where the world and the logs are.
        model: The base URL of the simulated endpoint.
        runs: How many cases.
        seed: Of the weather and the deciders.
        minutes: After which what has not ended counts as lost.
        mild: Whether the server itself is left alone.
    """
    found = Storm()
    stage = Stage(database=server.database(), folder=folder, model=model, lease=LEASE, silence=SILENCE)
    cases = [f"s{number}" for number in range(runs)]
    workers = [Worker(stage, f"worker{number}") for number in range(WORKERS)]
    started = time.monotonic()
    await _persist(lambda: _submit(stage, cases))
    for worker in workers:
        await worker.keep_up()
    deciders = [Decider(name, stage, random.Random(f"{seed}{name}"), found) for name in ("ann", "bob")]
    monkey = Monkey(server, workers, random.Random(seed), found.weather, mild=mild)
    tasks = [asyncio.create_task(monkey.rage()), *(asyncio.create_task(one.decide()) for one in deciders)]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(minutes * 60):
                await _until_ended(stage, tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for worker in workers:
            worker.signal(signal.SIGCONT)
            await worker.kill()
    found.seconds = time.monotonic() - started
    record = await asyncio.to_thread(read, stage.database)
    _judge(found, record, stage, cases)
    return found


async def _submit(stage: Stage, cases: Sequence[str]) -> None:
    async with Baton(agents=[Agent("lead")], database=stage.database, dispatch=False) as baton:
        await asyncio.gather(*(baton.submit(Goal(goal(case)), key=case) for case in cases))


async def _persist(work: Callable[[], Awaitable[None]]) -> None:
    """Try until it is done: a submit with a key may be sent again."""
    while True:
        try:
            return await work()
        except LedgerError:
            await asyncio.sleep(0.2)


async def _until_ended(stage: Stage, tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Wait until every run has ended; an error of the monkey or a decider is raised."""
    while True:
        for task in tasks:
            if task.done():
                task.result()
        with contextlib.suppress(LedgerError):
            async with Baton(database=stage.database, dispatch=False) as baton:
                while await baton.runs(statuses=("ready", "waiting"), limit=1):
                    await asyncio.sleep(0.5)
                    if any(task.done() for task in tasks):
                        break
                else:
                    return
        await asyncio.sleep(0.2)


def _judge(found: Storm, record: Record, stage: Stage, cases: Sequence[str]) -> None:
    found.verdict.add(judge(record, stage.world.deeds(), cases, facts=False))
    found.epochs = sum(run["epoch"] for run in record.tables["runs"])
    found.verdict.forked += _wrong_decisions(found, record)
    for log in sorted(stage.folder.glob("worker*.log")):
        for line in log.read_text(encoding="utf-8").splitlines():
            if "a newer worker owns it" in line:
                found.refused.append(line)
            elif "a worker has died" in line:
                found.takeovers += 1
            elif "ERROR" in line or "WARNING" in line:
                found.stumbles[line.split("event=")[-1].partition(" run=")[0][:60]] += 1


def _wrong_decisions(found: Storm, record: Record) -> list[str]:
    """Reviews that are closed in another way than somebody was told."""
    wrong: list[str] = []
    taken = {row["review"]: (row["kind"], row["by"]) for row in record.tables["decisions"]}
    for review in {*found.accepted, *found.unknown}:
        told, perhaps, stands = found.accepted.get(review, []), found.unknown.get(review, []), taken.get(review)
        if len(told) > 1:
            wrong.append(f"{review}: {len(told)} decisions were accepted: {told}")
        if told and stands != told[0]:
            wrong.append(f"{review}: {told[0]} was accepted, {stands} stands")
        if stands is not None and not told and stands[1] != "baton" and stands not in perhaps:
            wrong.append(f"{review}: {stands} stands, which nobody was told")
    return wrong
