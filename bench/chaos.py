"""Chaos: kill -9 at every transition of a run on both databases, then a storm over many runs on Postgres.

Part one plays one run that does everything there is to do, counts its commits, tool calls and model calls, and plays it
again for each side of each of them, with its process killed there. Part two has two workers that are killed and
stopped, connections that are cut, a server that is restarted, and deciders who repeat and contradict each other.

The exit code is 1 when something was lost, doubled or forked.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the plot is that of the tests

from baton.agents import SimulatedServer
from support.chaos import (
    Case,
    Place,
    Prompter,
    Storm,
    Theatre,
    Verdict,
    double_kills,
    every_place,
    play_all,
    storm,
    table,
)
from support.postgres import PostgresServer, postgres_server

Options = argparse.Namespace


def options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both", help="for part one")
    parser.add_argument("--part", choices=("one", "two", "both"), default="both")
    parser.add_argument("--stride", type=int, default=1, help="part one: every STRIDE-th place of each kind")
    parser.add_argument("--doubles", type=int, default=40, help="part one: cases in which successors die as well")
    parser.add_argument("--at-once", type=int, default=2, help="part one: cases played at once")
    parser.add_argument("--runs", type=int, default=500, help="part two")
    parser.add_argument("--minutes", type=float, default=60, help="part two: what has not ended by then is lost")
    parser.add_argument("--mild", action="store_true", help="part two: do not restart the server")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all that is random")
    parser.add_argument("--folder", type=Path, help="keep everything there")
    return parser.parse_args()


async def main(given: Options) -> int:
    print(f"seed {given.seed}", flush=True)
    problems: list[str] = []
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        server = stack.enter_context(postgres_server())
        mind = Prompter()
        async with SimulatedServer(mind) as model:
            if given.part != "two":
                for name in ("sqlite", "postgres") if given.database == "both" else (given.database,):
                    place = folder / name
                    place.mkdir(parents=True)
                    theatre = Theatre(place, model.base_url, mind, server if name == "postgres" else None)
                    problems += await part_one(name, theatre, given)
            if given.part != "one":
                place = folder / "storm"
                place.mkdir(parents=True)
                problems += await part_two(server, place, model.base_url, given)
    print("", *problems, sep="\n")
    return 1 if problems else 0


async def part_one(name: str, theatre: Theatre, given: Options) -> list[str]:
    started = time.monotonic()
    calm = await theatre.play("calm")
    named: dict[str, list[Place]] = {str(place).replace(" ", "-"): [place] for place in every_place(calm, given.stride)}
    named |= {f"double{number}": fuses for number, fuses in enumerate(double_kills(calm, given.doubles, given.seed))}
    cases = [calm, *await play_all(theatre, named, given.at_once)]
    print(deaths(f"kill -9 at every place, {name}: {time.monotonic() - started:.0f} s", cases), flush=True)
    total = Verdict()
    for case in cases:
        total.add(case.verdict)
    print(targets(total), flush=True)
    return [problem for case in cases for problem in case.problems]


def deaths(title: str, cases: Sequence[Case]) -> str:
    """A row for each kind of place: how many died there, and what came of it."""
    rows: list[tuple[object, ...]] = [("died", "cases", "finished", "lost", "doubled", "forked", "model asked again")]
    kinds = Counter(kind_of(case) for case in cases)
    for kind in sorted(kinds):
        found = [case for case in cases if kind_of(case) == kind]
        verdicts = [case.verdict for case in found]
        rows.append(
            (
                kind,
                len(found),
                sum(verdict.finished for verdict in verdicts),
                *(sum(len(getattr(verdict, name)) for verdict in verdicts) for name in ("lost", "doubled", "forked")),
                sum(len(case.repeated) for case in found),
            )
        )
    return table(title, rows)


def kind_of(case: Case) -> str:
    if not case.died:
        return "nowhere"
    return case.died[0].rpartition(" ")[0] if len(case.died) == 1 else f"{len(case.died)} times"


def targets(verdict: Verdict) -> str:
    rows: list[tuple[object, ...]] = [("target", "writes wanted", "calls made", "doubled")]
    rows += [
        (name, verdict.writes[name], verdict.calls[name], verdict.doubled_at[name]) for name in sorted(verdict.writes)
    ]
    return table(f"what reached the world; {verdict.doubts} times a person was asked whether something happened", rows)


async def part_two(server: PostgresServer, folder: Path, model: str, given: Options) -> list[str]:
    found = await storm(server, folder, model, runs=given.runs, seed=given.seed, minutes=given.minutes, mild=given.mild)
    print(weather(found), flush=True)
    print(targets(found.verdict), flush=True)
    return found.verdict.problems


def weather(found: Storm) -> str:
    verdict = found.verdict
    rows: list[tuple[object, ...]] = [
        ("", "count"),
        ("cases, of two runs each", verdict.cases),
        ("finished", verdict.finished),
        ("lost", len(verdict.lost)),
        ("doubled", len(verdict.doubled)),
        ("forked", len(verdict.forked)),
        ("doubled after a person had said it had not happened", len(verdict.asked_and_doubled)),
        ("doubts asked", verdict.doubts),
        ("writes told as not happened", verdict.told_not),
        ("leases taken", found.epochs),
        ("takeovers of a dead worker's job", found.takeovers),
        ("stale writes refused", len(found.refused)),
        ("decisions accepted", sum(len(said) for said in found.accepted.values())),
        ("decisions refused with a Conflict", found.conflicts),
        ("decisions whose answer was cut off", sum(len(said) for said in found.unknown.values())),
        *sorted(found.weather.items()),
    ]
    return table(f"storm over Postgres: {found.seconds:.0f} s", rows)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(options())))
