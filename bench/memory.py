"""How well memory finds, on LoCoMo beside its rivals; and how fast it is with many facts.

The harness and the data of LoCoMo are read from HARNESS; where they are not, only the speeds are measured.

Texts are made of words drawn as words are in English (Zipf), in twenty scopes of two tenants; a tenth of the facts are
no longer true. Every recall is by six words of a fact that are not among the hundred commonest, as those would be stop
words; it keeps to scopes of one tenant and to what is true now.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from baton.core import Label, Trust
from baton.ledger import Claim, Ledger, facts
from baton.memory import Memory
from support.postgres import postgres_server

WORDS, STOPPED, DIMENSIONS = 20_000, 100, 384
DAY = 86400.0


def claims(count: int, rng: random.Random, now: float) -> list[Claim]:
    """Facts whose words are as rare as English ones."""
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(WORDS)))

    def text() -> str:
        return " ".join(f"w{n}x" for n in rng.choices(range(WORDS), cum_weights=weights, k=rng.randint(6, 24)))

    return [
        Claim(
            tenant=f"t{number % 2}",
            scope=f"s{number % 20}",
            subject=f"subject{rng.randrange(2000)}",
            text=text(),
            label=Label(Trust(rng.randrange(5))),
            valid_from=now - (2 + 900 * rng.random()) * DAY,
            valid_to=now - DAY if rng.random() < 0.1 else None,
        )
        for number in range(count)
    ]


def question(rng: random.Random, claim: Claim) -> str:
    """Some words of a fact."""
    words = [word for word in claim.text.split() if int(word[1:-1]) >= STOPPED]
    return " ".join(rng.sample(words, min(6, len(words)))) or "w999x"


class Random:
    """Stands in for an embedding model: vectors that say nothing, made at once."""

    name = "random"

    def __init__(self) -> None:
        self._rng = random.Random(3)

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        return [[self._rng.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in texts]


Took = list[tuple[float, float]]
"""Milliseconds by the clock, and of this process's processor time, on however many threads."""


async def timed(work: Callable[[int], Awaitable[object]], times: int) -> Took:
    """What each call took."""
    took: Took = []
    for number in range(times):
        began, busy = time.perf_counter(), time.process_time()
        await work(number)
        took.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - busy)))
    return took


def tell(name: str, took: Took, most: float | None = None) -> None:
    """One line: median and 95th percentile of both, and what is aimed at."""
    parts = []
    for kind, values in zip(("clock", "processor"), zip(*took, strict=True), strict=True):
        p95 = sorted(values)[int(0.95 * len(values))]
        parts.append(f"{kind} {statistics.median(values):6.2f} ms, p95 {p95:6.2f}")
    print(f"{name:30} {'   '.join(parts)}{f'   aim: p95 < {most:g}' if most else ''}", flush=True)


async def measure(path: str, count: int, vectors: bool) -> None:
    """Fill a record, which a path or URL names, and measure."""
    rng = random.Random(1)
    ledger = await Ledger.open(path)
    now = ledger.clock.now()
    made = claims(count, rng, now)
    began = time.perf_counter()
    for start in range(0, count, 2000):
        part = made[start : start + 2000]
        await ledger.write(lambda tx, part=part: [facts.record(tx, claim) for claim in part])  # type: ignore[misc]
    print(f"{count} facts recorded in {time.perf_counter() - began:.0f} s, {2000} a transaction")
    memory = Memory(ledger)
    began = time.perf_counter()
    await memory.recall("first", ["s0"], tenant="t0")
    print(f"the first recall, with what it has to make, took {time.perf_counter() - began:.2f} s")
    asked = [question(rng, rng.choice(made)) for _ in range(300)]
    even = [f"s{n}" for n in range(0, 20, 2)]
    tell("recall, one scope of twenty", await timed(lambda n: memory.recall(asked[n], ["s4"], tenant="t0"), 300), 15)
    tell("recall, ten scopes of twenty", await timed(lambda n: memory.recall(asked[n], even, tenant="t0"), 300), 15)
    new = claims(300, rng, now)
    tell("remember", await timed(lambda n: memory.remember(new[n]), 300), 5)

    async def both(n: int) -> None:
        await memory.remember(Claim(tenant="t0", scope="s4", subject="x", text=f"note {n}", label=Label(Trust.USER)))
        await memory.recall(asked[n], ["s4"], tenant="t0")

    tell("remember, then recall it", await timed(both, 200))
    memory.close()

    async def opened(_n: int) -> None:
        again = Memory(ledger)
        again.close()

    async def first(_n: int) -> None:
        again = Memory(ledger)
        await again.recall("w9x", ["s4"], tenant="t0")
        again.close()

    tell("what memory adds to a start", await timed(opened, 20), 50)
    tell("the first recall after it", await timed(first, 20))
    if vectors:
        await with_vectors(ledger, asked)
    await ledger.close()


async def with_vectors(ledger: Ledger, asked: Sequence[str]) -> None:
    """The same with vectors beside the words."""
    memory = Memory(ledger, embedder=Random())
    began = time.perf_counter()
    await memory.recall("first", ["s0"], tenant="t0")
    print(f"vectors added in {time.perf_counter() - began:.0f} s")
    tell("recall with vectors", await timed(lambda n: memory.recall(asked[n], ["s4"], tenant="t0"), 300), 40)
    memory.close()


def found(harness: Path, data: str | None) -> None:
    """What the harness says of recall, for Baton and its rivals."""
    script = harness / "locomo_recall.py"
    if not script.is_file():
        print(f"LoCoMo's harness is not at {harness}: recall is not measured. HARNESS=folder names another place.")
        return
    plugins = ["fts5", "memory_rivals:exact", "memory_rivals:chroma", "memory_recall:build"]
    named = [word for plugin in plugins for word in ("--plugin", plugin)]
    here = str(Path(__file__).parent)
    paths = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-W", "ignore", str(script), *named, *(["--data", data] if data else [])]
    if subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode:
        print("LoCoMo's harness could not be run: recall is not measured.")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--facts", type=int, default=100_000)
    parser.add_argument("--vectors", action="store_true", help="also with Chroma or pgvector, which takes minutes")
    parser.add_argument("--postgres", action="store_true", help="measure speeds on Postgres instead of a file")
    parser.add_argument("--data", help="conversations in LoCoMo's format; none is the harness's own")
    parser.add_argument("--only", choices=["recall", "speed"], help="one of both")
    options = parser.parse_args()
    if options.only != "speed":
        found(Path(os.environ.get("HARNESS", "../shared/bench")), options.data)
    if options.only == "recall":
        return
    with contextlib.ExitStack() as stack:
        if options.postgres:
            path = stack.enter_context(postgres_server()).record()
        else:
            path = str(Path(stack.enter_context(tempfile.TemporaryDirectory()), "baton.db"))
        asyncio.run(measure(path, options.facts, options.vectors))


if __name__ == "__main__":
    sys.exit(main())
