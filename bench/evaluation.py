"""How fast an evaluation is: 200 desk cases, the report, the bootstrap, and what the harness adds to the runs' time.

What the harness adds is measured against Baton alone: the same goals in the same kind of world, with nobody to answer,
scored and stored or not, one after the other, a few times. Writes bench/results/evaluation.json. Arguments: `--cases N`
(default 200), `--times N` (default 3).
"""

import argparse
import asyncio
import importlib.util
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from report import Figure, report

from baton.app import Baton
from baton.core import surrounded
from baton.evals import Store, Suite, load_suite, play
from baton.evals.bootstrap import paired
from baton.evals.report import html
from baton.evals.results import read_results

DESK = Path(__file__).parents[1] / "examples" / "desk"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    suite = load_suite(DESK / "suite.py")
    with tempfile.TemporaryDirectory() as folder:
        found = [*whole(suite, options.cases, Path(folder)), *added(suite, options.times, Path(folder)), bootstrap()]
    report("evaluation", found)


def whole(suite: Suite, cases: int, folder: Path) -> list[Figure]:
    """Play many cases with people, and write the report of it."""
    sys.path.insert(0, str(DESK))
    spec = importlib.util.spec_from_file_location("desk_cases", DESK / "cases.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    large = replace(suite, cases=module.desk_cases(cases), prepare=lambda world, _: _large(world))
    store = Store(folder / "whole.db")
    began, used = time.perf_counter(), time.process_time()
    played = asyncio.run(play(large, store))
    took, cpu = time.perf_counter() - began, time.process_time() - used
    began = time.perf_counter()
    html(read_results(store, played.evaluation.id))
    written = time.perf_counter() - began
    store.close()
    return [
        Figure(metric=f"{cases} desk cases with people", value=took, unit="s", goal="<= 60" if cases == 200 else ""),
        Figure(metric=f"{cases} desk cases, time of processors", value=cpu, unit="s"),
        Figure(metric="report of these", value=written, unit="s", goal="<= 2"),
    ]


def _large(world: Path) -> None:
    import world as desk_world  # beside the suite

    desk_world.make_world(world, orders=6000)


def added(suite: Suite, times: int, folder: Path) -> list[Figure]:
    """The time of the processors that the same runs take, in the harness and alone; medians."""
    alone = replace(
        suite, people=(), days=0.01, cases=[replace(case, after=timedelta()) for case in suite.cases], at_once=1
    )
    store = Store(folder / "added.db")
    harness: list[float] = []
    bare: list[float] = []
    for number in range(times):
        began = time.process_time()
        asyncio.run(play(alone, store, seed=number, fresh=True))
        harness.append(time.process_time() - began)
        bare.append(asyncio.run(_bare(alone, folder / f"bare-{number}", number)))
    store.close()
    share = 100 * (statistics.median(harness) / statistics.median(bare) - 1)
    return [
        Figure(metric="60 runs alone, time of processors", value=statistics.median(bare), unit="s"),
        Figure(metric="the same in the harness", value=statistics.median(harness), unit="s"),
        Figure(metric="what the harness adds", value=share, unit="%", goal="<= 5"),
    ]


async def _bare(suite: Suite, folder: Path, seed: int) -> float:
    began = time.process_time()
    (folder / "world").mkdir(parents=True)
    await asyncio.to_thread(suite.prepare, folder / "world", {})
    project = suite.load()
    mind = suite.mind.seeded(seed, 0)  # type: ignore[union-attr]
    with surrounded(suite.environment(folder / "world")):
        async with Baton(agents=project.agents, mind=mind, database=folder / "bare.db") as baton:
            handles = [await baton.submit(case.goal, key=case.id) for case in suite.cases]
            for handle in handles:
                await handle.settled()
    return time.process_time() - began


def bootstrap() -> Figure:
    """The paired bootstrap of 200 cases, resampled 10,000 times."""
    began = time.perf_counter()
    paired({str(at): float(at % 3 - 1) for at in range(200)}, {}, resamples=10_000)
    return Figure(
        metric="bootstrap of 200 cases, 10,000 times", value=time.perf_counter() - began, unit="s", goal="<= 2"
    )


if __name__ == "__main__":
    main()
