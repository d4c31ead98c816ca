"""A process that plays one world and is killed on purpose; see `faults.Condition.crashes`. Called by the runner."""

import asyncio
import sys
from pathlib import Path

from baton.evals.runner import named_cell, perform
from baton.evals.suite import load_suite


async def _play(suite: Path, folder: Path, cell: str, seed: int) -> None:
    loaded = load_suite(suite)
    async for _ in perform(loaded, named_cell(loaded, cell), folder, seed=seed, crashing=True):
        pass  # what came of it is read from the record by who started this


if __name__ == "__main__":
    asyncio.run(_play(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
