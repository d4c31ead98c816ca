"""Two hundred people at one queue: how many questions they decide a second, and how long `next` takes behind a crowd.

On SQLite and on a Postgres of our own. Each person is a thread; they work at two servers, each with connections of its
own to the record. One in fifty takes a question and goes home. Checks that each question was decided once, that each
run was told once, and that nothing stays taken. Then 100,000 questions are open, and `next` is timed. Writes
bench/results/reviewers.json. Arguments: `--questions N` (default 10000), `--open N` (default 100000).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from report import Figure, report

from support.postgres import postgres_server
from support.reviewing import Desk, ask, counts, decide_all

PEOPLE = 200
ASKED = 50  # times that `next` is timed


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--open", type=int, default=100_000)
    options = parser.parse_args()
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        for kind in ("SQLite", "Postgres"):
            make = server.record if kind == "Postgres" else lambda: str(Path(folder) / f"{time.monotonic_ns()}.db")
            found += [*crowd(kind, make(), options.questions), *behind(kind, make(), options.open)]
    report("reviewers", found)


def crowd(kind: str, database: str, questions: int) -> Iterator[Figure]:
    """All people decide until nothing is open."""
    desks = [Desk(database), Desk(database)]
    desks[0].do(ask(desks[0].ledger, questions))
    began = time.perf_counter()
    tally = decide_all(desks, PEOPLE)
    took = time.perf_counter() - began
    kept = desks[0].do(counts(desks[0].ledger))
    for desk in desks:
        desk.close()
    once = len(set(tally.decided)) == len(tally.decided) == kept["decisions"] == kept["told"]
    yield Figure(metric=f"{kind}: questions decided", value=kept["decided"], unit="", goal=f">= {questions}")
    yield Figure(metric=f"{kind}: of them not exactly once", value=float(not once), unit="", goal="<= 0")
    yield Figure(metric=f"{kind}: taken and not given back", value=kept["taken"], unit="", goal="<= 0")
    yield Figure(metric=f"{kind}: decided", value=questions / took, unit="a second")


def behind(kind: str, database: str, open_: int) -> Iterator[Figure]:
    """One person asks for the next question while very many are open."""
    desk = Desk(database)
    desk.do(ask(desk.ledger, open_, each=1000))
    times: list[float] = []
    for person in range(ASKED):
        began = time.perf_counter()
        assert desk.do(desk.queue.next(f"person {person}")) is not None
        times.append((time.perf_counter() - began) * 1000)
    desk.close()
    goal = "<= 10" if open_ >= 100_000 else ""
    yield Figure(metric=f"{kind}: next, of {open_:,} open", value=statistics.median(times), unit="ms", goal=goal)


if __name__ == "__main__":
    main()
