"""Playing a suite: every case through Baton itself, in worlds of its own, scored, stored, and resumed."""

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from baton.agents import Agent, Mind, OpenAIModel, SimulatedServer, endpoint, meant, open_model
from baton.agents.simulated import Faults
from baton.app import Baton
from baton.core import BatonError, Conflict, InvalidValue, Model, digest, surrounded
from baton.core.collecting import seldom_collected
from baton.evals.attempt import Attempt, Graded
from baton.evals.cases import Case
from baton.evals.clock import JumpClock
from baton.evals.competence import Seeded
from baton.evals.crashes import Crashes, CrashingModel
from baton.evals.faults import CALM, Condition, check_down, disturbed
from baton.evals.identity import identity
from baton.evals.stage import Plan, Stage
from baton.evals.store import Evaluation, Store, attempt_key
from baton.evals.suite import Suite
from baton.ledger import DispatchLock, Ledger, events

Progress = Callable[[Graded], None]

MOST_DEATHS = 10_000
"""How often a world's process may be killed on purpose; more is an error of the harness."""


@dataclass(frozen=True)
class Played:
    """What was played.

    Attributes:
        graded: The attempts of this start, in the order in which they ended.
        before: Attempts that earlier starts had on record already.
    """

    evaluation: Evaluation
    graded: tuple[Graded, ...]
    before: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One world: the cases that play in it, which time, under which faults."""

    name: str
    cases: Sequence[Case]
    repeat: int
    condition: Condition


async def play(
    suite: Suite,
    store: Store,
    *,
    repeats: int = 1,
    seed: int = 0,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Played:
    """Play all cases `repeats` times under each of the suite's conditions; each attempt is committed as it ends.

    What an earlier start of exactly this has not finished is gone on with: attempts on record are not played again,
    and runs that were under way go on from their own record.

    Args:
        suite: What is played.
        store: Where it is kept; the worlds under way are in a folder beside it.
        repeats: How often each case is played.
        seed: Of all chance.
        fresh: Whether to begin anew where something unfinished is on record.
        progress: Told each attempt as it was committed.

    Raises:
        InvalidValue: for no repeats, or a condition that cannot be.
        Conflict: if another process plays this at the moment.
    """
    if repeats < 1:
        raise InvalidValue("repeats", repeats, "1 or more")
    conditions = (CALM, *suite.conditions)
    for condition in conditions:
        check_down(suite.load().agents, condition)
    who, expected = identity(suite), len(suite.cases) * repeats * len(conditions)
    evaluation = None if fresh else store.unfinished(suite.name, who, repeats, seed)
    if evaluation is None:
        evaluation = store.begin(
            suite.name, who, suite.cases, repeats=repeats, seed=seed, expected=expected, about=suite.about
        )
    office = _Office(suite, store, evaluation, progress)
    with office.alone(), seldom_collected():
        before = store.recorded(evaluation.id)
        cells = [cell for cell in cells_of(suite, repeats) if office.left(cell)]
        await office.play(cells)
        store.finish(evaluation.id)
        shutil.rmtree(office.folder, ignore_errors=True)
    return Played(store.get(evaluation.id), tuple(office.graded), len(before))


def cells_of(suite: Suite, repeats: int) -> list[Cell]:
    """The worlds of an evaluation. Where processes are killed, cases of one cluster and one world alone share one."""
    cells: list[Cell] = []
    for condition in (CALM, *suite.conditions):
        for repeat in range(repeats):
            if suite.together and not condition.crashes:
                groups = {"all": list(suite.cases)}
            else:
                groups = dict[str, list[Case]]()
                for case in suite.cases:
                    groups.setdefault(f"{case.group} {digest(case.world)}", []).append(case)
            for number, cases in enumerate(groups.values()):
                name = f"{condition.name}-{repeat}-{number}"
                cells.append(Cell(name=name, cases=cases, repeat=repeat, condition=condition))
    return cells


class _Office:
    """Plays the worlds of one evaluation."""

    def __init__(self, suite: Suite, store: Store, evaluation: Evaluation, progress: Progress | None) -> None:
        self._suite, self._store, self._evaluation, self._progress = suite, store, evaluation, progress
        self.folder = Path(f"{store.path}.worlds") / evaluation.id
        self.graded: list[Graded] = []

    @contextlib.contextmanager
    def alone(self) -> Generator[None]:
        """Nobody else plays this meanwhile.

        Raises:
            Conflict: if somebody does.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = DispatchLock(self.folder / "evaluation")
        if not lock.take():
            raise Conflict(f"playing {self._evaluation.id}", f"{lock.holder()} is at it", "Wait, or begin another.")
        try:
            yield
        finally:
            lock.release()

    def left(self, cell: Cell) -> frozenset[str]:
        """Ids of the cases of a world whose attempts are not on record."""
        known = self._store.recorded(self._evaluation.id)
        return frozenset(case.id for case in cell.cases if self._key(cell, case) not in known)

    async def play(self, cells: Sequence[Cell]) -> None:
        """Play worlds, some at once, and keep what comes of them."""
        wide = max(1, self._suite.at_once)
        limit = asyncio.Semaphore(wide)

        async def one(cell: Cell) -> None:
            async with limit:
                began = time.perf_counter()
                await self._play(cell)
                self._store.spend(self._evaluation.id, (time.perf_counter() - began) / wide)

        async with asyncio.TaskGroup() as group:
            for cell in cells:
                group.create_task(one(cell))

    async def _play(self, cell: Cell) -> None:
        left = self.left(cell)
        skip = frozenset(case.id for case in cell.cases) - left
        folder = self.folder / cell.name
        if cell.condition.crashes:
            await _until_it_lives(self._suite, cell, folder, self._evaluation.seed)
        async with contextlib.aclosing(
            perform(self._suite, cell, folder, seed=self._evaluation.seed, skip=skip, crashing=False)
        ) as attempts:
            async for attempt in attempts:
                self._keep(attempt)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _keep(self, attempt: Attempt) -> None:
        graded = grade(self._suite, attempt)
        self._store.record(self._evaluation.id, graded)
        self.graded.append(graded)
        if self._progress is not None:
            self._progress(graded)

    def _key(self, cell: Cell, case: Case) -> str:
        return attempt_key(self._evaluation.id, condition_name(cell), cell.repeat, case.id)


def condition_name(cell: Cell) -> str:
    """As attempts have it: empty where there are no faults."""
    return "" if cell.condition is CALM else cell.condition.name


def grade(suite: Suite, attempt: Attempt) -> Graded:
    """An attempt with what the suite's scorers say of it."""
    return Graded(attempt=attempt, scores=tuple(scorer(attempt) for scorer in suite.scorers))


async def perform(
    suite: Suite, cell: Cell, folder: Path, *, seed: int, skip: frozenset[str] = frozenset(), crashing: bool = False
) -> AsyncGenerator[Attempt]:
    """Play one world to its end, or from where an earlier process left it.

    Args:
        suite: What is played.
        cell: The world.
        folder: Where it is kept meanwhile.
        seed: Of all chance.
        skip: Cases whose attempts are known.
        crashing: Whether this process may be killed on purpose.
    """
    plan = Plan(
        suite=suite,
        cases=cell.cases,
        folder=folder,
        repeat=cell.repeat,
        seed=seed,
        condition=condition_name(cell),
        skip=skip,
    )
    await asyncio.to_thread(_prepare, plan)
    with _surrounded(plan):
        clock = JumpClock(await _time(plan))
        project = suite.load()
        crashes = _crashes(folder, cell.condition) if crashing else None
        agents = _needed(project.agents, cell.cases)
        if cell.condition is not CALM:
            agents = [disturbed(agent, cell.condition, crashes) for agent in agents]
        async with _open_model(plan, cell.condition, crashes) as model:
            async with Baton(
                agents=agents,
                database=folder / "eval.db",
                model=model,
                mind=_mind(plan),
                clock=clock,
                people=[one.person for one in suite.people],
                resources=project.resources,
                windows=project.windows,
            ) as baton:
                if crashes is not None:
                    crashes.watch(baton.ledger)
                async for attempt in Stage(baton, clock, plan).play():
                    yield attempt


def _needed(agents: Sequence[Agent], cases: Sequence[Case]) -> list[Agent]:
    """The agents that cases name, and those that they may hand work to; all where one names none."""
    wanted = {case.agent or agents[0].name for case in cases}
    known = {agent.name: agent for agent in agents}
    takers = {agent.name: {name for said in agent.hands_off_to for name in meant(said, agents)} for agent in agents}
    while more := {name for one in wanted if one in known for name in takers[one]} - wanted:
        wanted |= more
    first = [agent for agent in agents if agent.name == agents[0].name or agent.name in wanted]
    return first if any(case.agent is None for case in cases) else [one for one in first if one.name in wanted]


def _prepare(plan: Plan) -> None:
    """Make the world, whole or not at all."""
    if plan.world.exists():
        return
    making = plan.folder / f"making-{os.getpid()}"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    plan.suite.prepare(making, plan.cases[0].world)
    making.rename(plan.world)


@contextlib.contextmanager
def _surrounded(plan: Plan) -> Generator[None]:
    """Tools find the world; where one world is played at a time, by the process's environment too."""
    variables = dict(plan.suite.environment(plan.world))
    before = {name: os.environ.get(name) for name in variables} if plan.suite.at_once == 1 else {}
    os.environ.update({name: variables[name] for name in before})
    try:
        with surrounded(variables):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


async def _time(plan: Plan) -> float:
    """When the play goes on: at its start, or right after the last thing that its record knows."""
    if not (plan.folder / "eval.db").exists():
        return plan.suite.start
    ledger = await Ledger.open(str(plan.folder / "eval.db"))
    try:
        return await ledger.read(lambda tx: max(plan.suite.start, events.newest(tx) or 0.0))
    finally:
        await ledger.close()


def _crashes(folder: Path, condition: Condition) -> Crashes:
    return Crashes(noted=folder / "crashes", share=condition.crashes, seed=condition.seed, at=condition.at)


@contextlib.asynccontextmanager
async def _open_model(plan: Plan, condition: Condition, crashes: Crashes | None) -> AsyncGenerator[Model | None]:
    """The model with its faults, and the crashes around its calls; None where there are to be none, for Baton's own."""
    faults = condition.model_faults()
    if faults is None and crashes is None:
        yield None
        return
    async with _faulty(plan, condition, faults) if faults else open_model(endpoint(), _mind(plan)) as model:
        yield model if crashes is None else CrashingModel(model, crashes)


@contextlib.asynccontextmanager
async def _faulty(plan: Plan, condition: Condition, faults: Faults) -> AsyncGenerator[Model]:
    if not endpoint().simulated:
        allowed = "0 at an endpoint that is not simulated: take its key and address out of the environment"
        raise InvalidValue(f"model faults of condition {condition.name}", condition.model, allowed)
    async with SimulatedServer(_mind(plan), faults=faults) as server:
        async with OpenAIModel(base_url=server.base_url, api_key="simulated") as model:
            yield model


def _mind(plan: Plan) -> Mind:
    """What the simulated model thinks with, this time."""
    mind = plan.suite.mind or plan.suite.load().mind
    return mind.seeded(plan.seed, plan.repeat) if isinstance(mind, Seeded) else mind


async def _until_it_lives(suite: Suite, cell: Cell, folder: Path, seed: int) -> None:
    """Play a world in processes of its own, which are killed at steps and begun again, until one comes to the end."""
    if suite.source is None:
        raise InvalidValue(f"suite {suite.name} under crashes", "made in a program", "one that load_suite has read")
    words = [sys.executable, "-m", "baton.evals.child", str(suite.source), str(folder), cell.name, str(seed)]
    for _ in range(MOST_DEATHS):
        child = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
        _, said = await child.communicate()
        if child.returncode == 0:
            return
        if child.returncode != -9:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise BatonError(f"the process that plays {cell.name} failed with {child.returncode}: {''.join(last)}")
    raise BatonError(f"the process that plays {cell.name} was killed {MOST_DEATHS} times and comes to no end")


def named_cell(suite: Suite, name: str) -> Cell:
    """The world of a name, as `cells_of` calls it."""
    condition, repeat, _ = name.rsplit("-", 2)
    known = cells_of(suite, int(repeat) + 1)
    return next(cell for cell in known if cell.name == name and cell.condition.name == condition)


def with_agents(suite: Suite, agents: Sequence[Agent]) -> Suite:
    """The suite with other agents in place of its project's."""
    project = replace(suite.load(), agents=tuple(agents))
    return replace(suite, given=project)
