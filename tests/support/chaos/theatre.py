"""Part one, systematic: a case of its own for each place at which its process may die."""

import asyncio
import multiprocessing
import random
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from support.chaos.actor import Stage, see_through
from support.chaos.places import Place, passed
from support.chaos.plot import Prompter
from support.chaos.verdict import Verdict, judge, read, recorded_turns
from support.postgres import PostgresServer

Question = tuple[str, str, int]
"""Case, agent and turn of a model call."""

KILLED = -signal.SIGKILL

PATIENCE = 60.0
"""Seconds after which a process that has not ended hangs."""

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "uvicorn", "support.chaos.actor"])


@dataclass
class Case:
    """What came of one case.

    Attributes:
        died: Where its processes died, with what they were about to do or had just done.
        passed: What its last process passed.
        known: For each death, how many questions the model had been asked, and which of them were recorded.
        repeated: Model calls that were asked again although they were recorded.
    """

    name: str
    died: list[str] = field(default_factory=list[str])
    passed: list[Place] = field(default_factory=list[Place])
    known: list[tuple[int, set[Question]]] = field(default_factory=list[tuple[int, set[Question]]])
    repeated: list[str] = field(default_factory=list[str])
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def problems(self) -> list[str]:
        return [f"{self.name} ({', '.join(self.died)}) {problem}" for problem in self.verdict.problems + self.repeated]


class Theatre:
    """Plays cases, each on a database of its own, and judges them.

    Args:
        folder: Where everything is.
        model: The base URL of the simulated endpoint.
        mind: What it thinks with.
        server: None plays on SQLite.
    """

    def __init__(self, folder: Path, model: str, mind: Prompter, server: PostgresServer | None = None) -> None:
        self._folder, self._model, self._mind, self._server = folder, model, mind, server

    async def play(self, name: str, *fuses: Place) -> Case:
        """See a case through: a process for each fuse, in turn, then one that may live."""
        case = Case(name)
        folder = self._folder / name
        folder.mkdir()
        database = str(folder / "baton.db")
        if self._server is not None:
            database = await asyncio.to_thread(self._server.record)
        stage = Stage(database=database, folder=folder, model=self._model)
        for number, fuse in enumerate([*fuses, None]):
            notes = folder / f"notes{number}"
            code = await self._process(see_through, stage, name, fuse, notes)
            case.passed = passed(notes)
            if code != KILLED:
                if code != 0:
                    case.verdict.lost.append(f"a process ended with {code}: {_tail(notes.with_suffix('.log'))}")
                break
            await self._note_death(case, database)
        record = await asyncio.to_thread(read, database)
        case.verdict.add(judge(record, stage.world.deeds(), [name]))
        case.repeated += [
            f"model asked again: {question}"
            for asked, recorded in case.known
            for question in self._mind.asked[asked:]
            if question in recorded
        ]
        await asyncio.to_thread(self._tidy, case, database, folder)
        return case

    async def _note_death(self, case: Case, database: str) -> None:
        """Note where a process died; what is recorded by now must not be asked of the model again."""
        case.died.append(str(case.passed[-1]))
        case.known.append((len(self._mind.asked), await asyncio.to_thread(_recorded, database)))

    async def _process(self, main: Any, *arguments: object) -> int | None:
        process: ForkServerProcess = PROCESSES.Process(target=main, args=arguments, daemon=True)
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(process.join, PATIENCE)
        if process.exitcode is None:
            process.terminate()
            return None
        return process.exitcode

    def _tidy(self, case: Case, database: str, folder: Path) -> None:
        """Forget a case that went well."""
        if not case.problems:
            shutil.rmtree(folder)
            if self._server is not None:
                self._server.drop(database)


def every_place(case: Case, stride: int = 1) -> list[Place]:
    """Both sides of every transition that an undisturbed case has passed, or of every `stride`-th of each kind."""
    return [place for place in case.passed if place.number % stride == 1 % stride]


def double_kills(case: Case, count: int, seed: int) -> list[list[Place]]:
    """Places at which one process dies, and then its successor, and sometimes that one's."""
    chance = random.Random(seed)
    early = case.passed[: len(case.passed) // 2]
    return [chance.sample(early, chance.choice((2, 2, 3))) for _ in range(count)]


async def play_all(theatre: Theatre, named: Mapping[str, Sequence[Place]], at_once: int) -> list[Case]:
    """Play cases, some at once."""
    limit = asyncio.Semaphore(at_once)

    async def play(name: str, fuses: Sequence[Place]) -> Case:
        async with limit:
            return await theatre.play(name, *fuses)

    return await asyncio.gather(*(play(name, fuses) for name, fuses in named.items()))


def _recorded(database: str) -> set[Question]:
    try:
        return recorded_turns(read(database))
    except SQLAlchemyError:
        return set()  # it died before there were tables


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-2000:] if log.exists() else ""
