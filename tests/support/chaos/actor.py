"""The processes that play: one that sees a case through from submission to end, and one that only works."""

import asyncio
import logging
import os
import random
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from baton import Baton, Goal
from baton.core import BatonError, Conflict, LedgerError
from baton.graph import advance, jobs
from baton.ledger import DecisionKind, Review, ReviewKind, reviews, wakes
from baton.review import Answer
from support.chaos import places
from support.chaos.places import Place
from support.chaos.plot import cast, goal
from support.chaos.world import World


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a process plays.

    Attributes:
        database: A file's path or a server's URL.
        folder: Where the world, the notes and the logs are.
        model: The base URL of the simulated endpoint.
        lease: Seconds that a dead worker keeps its run.
        silence: Seconds after which a worker that says nothing is taken for dead.
    """

    database: str
    folder: Path
    model: str
    lease: float = 1.0
    silence: float = 0.8

    @property
    def world(self) -> World:
        return World(self.folder / "world")


def see_through(stage: Stage, case: str, place: Place | None, notes: Path) -> None:
    """Submit a case, work on it and decide its reviews until it has ended; the main function of a process."""
    _set_up(stage, notes.with_suffix(".log"))
    fuse = places.Fuse(place, notes)
    places.install(fuse)
    asyncio.run(_see_through(stage, case, fuse))


async def _see_through(stage: Stage, case: str, fuse: places.Fuse) -> None:
    agents = cast(stage.world, stage.folder, fuse=fuse)
    async with Baton(agents=agents, database=stage.database) as baton:
        run = await baton.submit(Goal(goal(case)), key=case)
        deciding = asyncio.create_task(_decide(baton, stage.world))
        await run.result()
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)


async def _decide(baton: Baton, world: World) -> None:
    while True:
        for review in await baton.until(lambda tx: reviews.waiting(tx) or None):
            with suppress(Conflict):
                await baton.decide(review.id, honest(review, world, by="pat"))


def honest(review: Review, world: World, *, by: str) -> Answer:
    """What somebody says who goes and looks whether a thing happened, and lets everything else go ahead."""
    if review.kind is ReviewKind.DOUBT and world.happened(review.action or ""):
        return Answer(kind=DecisionKind.RESPOND, by=by, note="done, says the person who looked")
    return Answer(kind=DecisionKind.APPROVE, by=by)


def work(stage: Stage, log: Path, pause: float, concurrency: int) -> None:
    """Work until somebody ends the process; the main function of a process."""
    _set_up(stage, log)
    random.seed(os.getpid())
    asyncio.run(_work(stage, pause, concurrency))


async def _work(stage: Stage, pause: float, concurrency: int) -> None:
    agents = cast(stage.world, stage.folder, pause, keeps_facts=False)
    while True:
        try:
            async with Baton(agents=agents, database=stage.database, concurrency=concurrency):
                await asyncio.Event().wait()
        except LedgerError as error:
            logging.getLogger("baton").warning("cannot open: %s", error)
            await asyncio.sleep(0.2)
        except BatonError:
            logging.getLogger("baton").exception("the worker ended")
            raise


def _set_up(stage: Stage, log: Path) -> None:
    """Short times, the model's address, and a log file."""
    os.environ["OPENAI_BASE_URL"] = stage.model
    os.environ["OPENAI_API_KEY"] = "simulated"
    advance.LEASE_SECONDS = stage.lease
    jobs.POLL_SECONDS = jobs.TEND_SECONDS = 0.2
    wakes.SILENT_SECONDS, wakes.HEARTBEAT_SECONDS = stage.silence, stage.silence / 4
    logging.basicConfig(filename=log, format="%(asctime)s %(process)d %(levelname)s %(message)s", level=logging.WARNING)
