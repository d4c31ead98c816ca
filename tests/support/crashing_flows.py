"""A process that works off a workflow and kills itself behind a commit, for tests of crashes."""

import asyncio
import os
from pathlib import Path
from typing import Any

from baton import Baton, tool
from baton.graph import advance
from baton.graph.patterns import Call, Compute, Do, Map, Parallel, Saga, Sequence, Undoable, Workflow
from support.crashing import LEASE_SECONDS, die_after

PIECES = 7


def flows(outbox: Path) -> list[Workflow]:
    """A workflow whose every call writes a line, once for each key; and one that its pieces are handed to."""

    @tool(effect="write", repeatable=True)
    def note(what: str, *, key: str) -> str:
        """Write a line, unless this key has."""
        line = f"{what} {key}\n"
        with outbox.open("a+") as file:
            file.seek(0)
            if line not in file.readlines():
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        return what

    @tool(effect="write", repeatable=True)
    def breaks(*, key: str) -> str:
        """Fail."""
        raise ValueError("broken")

    def noted(name: str, what: str) -> Call:
        return Call(name, "note", {"what": what})

    body = Sequence(
        noted("first", "first"),
        Parallel(
            Map(list(range(PIECES)), Do("each", "piece", "p{item}"), at_once=3, name="all"),
            Sequence(noted("beside", "beside"), noted("behind", "behind")),
        ),
        Saga(
            Undoable(noted("one", "one"), noted("unone", "undo_one")),
            Undoable(noted("two", "two"), noted("untwo", "undo_two")),
            Call("three", "breaks"),
            name="saga",
            on_failure="go on",
        ),
        Compute("end", "{saga.said}"),
    )
    tools: list[Any] = [note, breaks]
    piece = Workflow("piece", noted("it", "{goal}"), tools=tools, policy="allow-all")
    return [Workflow("flow", body, tools=tools, policy="allow-all"), piece]


def expected() -> list[str]:
    """What has to be written, each once, in whatever order."""
    pieces = [f"p{number}" for number in range(PIECES)]
    return sorted(["first", *pieces, "beside", "behind", "one", "two", "undo_two", "undo_one"])


def written(outbox: Path) -> list[str]:
    """What was written, one word for each key."""
    return [line.split()[0] for line in outbox.read_text().splitlines()] if outbox.exists() else []


def work(database: str, outbox: Path, commits: int) -> None:
    """Work until all is done, or die behind so many commits (0 is never); the main function of a process."""
    asyncio.run(_work(database, outbox, commits))


async def _work(database: str, outbox: Path, commits: int) -> None:
    advance.LEASE_SECONDS = LEASE_SECONDS
    async with Baton(agents=flows(outbox), database=database) as baton:
        if commits:
            die_after(baton.ledger, commits)
        (top,) = [run for run in await baton.runs() if run.parent is None]
        helping = asyncio.create_task(_let_go_on(baton))
        await (await baton.open(top.id)).result()
        helping.cancel()


async def _let_go_on(baton: Baton) -> None:
    """A person who lets runs go on whose workers have died one after the other: that they did is what is tried here."""
    while True:
        for review in await baton.reviews.waiting():
            await baton.approve(review.id, by="op")
        await asyncio.sleep(0.1)
