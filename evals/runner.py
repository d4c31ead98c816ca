"""Playing a suite: every case through Baton itself, in a fresh world, scored and stored."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from baton.app import Baton
from baton.core import RunId
from baton.evals.store import Store
from baton.evals.suite import Attempt, Case, Score, Suite
from baton.ledger import Transaction, effects, events, journal, reviews, runs
from baton.project import load_project


@dataclass(frozen=True, kw_only=True)
class Graded:
    """An attempt with its scores."""

    attempt: Attempt
    scores: tuple[Score, ...]

    @property
    def passed(self) -> bool:
        """Whether every scorer is content."""
        return all(score.passed for score in self.scores)


async def play(
    suite: Suite, store: Store, *, repeats: int = 1, progress: Callable[[int, Graded], None] | None = None
) -> list[Graded]:
    """Play all cases `repeats` times; each attempt is stored as soon as it is scored."""
    played: list[Graded] = []
    evaluation = store.begin(suite)
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory(prefix="baton-eval-") as folder:
            for graded in await _play_once(suite, Path(folder)):
                store.record(evaluation, repeat, graded.attempt, graded.scores)
                played.append(graded)
                if progress is not None:
                    progress(repeat, graded)
    return played


async def _play_once(suite: Suite, folder: Path) -> list[Graded]:
    world = folder / "world"
    world.mkdir()
    await asyncio.to_thread(suite.prepare, world)
    project = load_project(suite.project)
    async with Baton(agents=project.agents, database=folder / "eval.db", mind=project.mind) as baton:
        handles = [await baton.submit(case.goal, agent=case.agent, key=case.id) for case in suite.cases]
        for handle in handles:
            await handle.settled()
        attempts = [
            await baton.ledger.read(lambda tx, c=case, id=handle.id: _attempt(tx, c, world, id))  # type: ignore[misc]
            for case, handle in zip(suite.cases, handles, strict=True)
        ]
        return [Graded(attempt=one, scores=tuple(scorer(one) for scorer in suite.scorers)) for one in attempts]


def _attempt(tx: Transaction, case: Case, folder: Path, id: RunId) -> Attempt:
    family = [runs.get(tx, id)]
    for member in family:
        family += runs.children(tx, member.id)
    return Attempt(
        case=case,
        folder=folder,
        run=family[0],
        family=tuple(family),
        proposals=tuple(p for member in family for p in journal.proposals(tx, member.id)),
        effects=tuple(e for member in family for e in effects.of_run(tx, member.id)),
        reviews=tuple(r for member in family for r in reviews.of_run(tx, member.id)),
        events=tuple(e for member in family for e in events.of_run(tx, member.id, limit=100_000)),
    )
