"""Places in a run's life where its process may die: before and after each commit, tool call and model call.

The hooks are put in from outside; what runs is the production code.
"""

import functools
import os
import signal
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from baton.agents import OpenAIModel
from baton.core import ModelReply
from baton.ledger.postgres import PostgresDatabase
from baton.ledger.sqlite import SqliteDatabase

Side = Literal["before", "after"]
Kind = Literal["commit", "tool", "question", "model"]


@dataclass(frozen=True)
class Place:
    """One side of one transition of a process: its commits, tool calls, questions and model calls count from 1 each."""

    kind: Kind
    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.kind} {self.number}"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Fuse:
    """Notes each transition in a file, and ends the process with SIGKILL at one of them.

    Args:
        place: None for nowhere.
        notes: What was passed: a line each, with side, kind and number.
    """

    def __init__(self, place: Place | None, notes: Path) -> None:
        self._place = place
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._counts: Counter[Kind] = Counter()

    @contextmanager
    def passing(self, kind: Kind) -> Generator[None]:
        """Around a transition: before it, and right after it has happened and nobody has been told yet."""
        number = self.begin(kind)
        yield
        self.reach(Place(kind, number, "after"))

    def begin(self, kind: Kind) -> int:
        """A transition is about to happen; its number."""
        self._counts[kind] += 1
        number = self._counts[kind]
        self.reach(Place(kind, number, "before"))
        return number

    def reach(self, place: Place) -> None:
        os.write(self._notes, f"{place}\n".encode())
        if place == self._place:
            die()


def passed(notes: Path) -> list[Place]:
    """What a process has passed, in order."""
    if not notes.exists():
        return []
    lines = (line.split() for line in notes.read_text(encoding="utf-8").splitlines())
    return [Place(cast(Kind, kind), int(number), cast(Side, side)) for side, kind, number in lines]


def install(fuse: Fuse) -> None:
    """Put the hooks for commits and model calls into this process, for good. Tools pass the fuse themselves."""
    for database in (SqliteDatabase, PostgresDatabase):
        database.writing = _watched(database.writing, fuse)  # type: ignore[assignment, method-assign]
    complete = OpenAIModel.complete

    @functools.wraps(complete)
    async def watched(model: OpenAIModel, *args: Any, **kwargs: Any) -> ModelReply:
        with fuse.passing("model"):
            return await complete(model, *args, **kwargs)

    OpenAIModel.complete = watched  # type: ignore[assignment, method-assign]


def _watched(writing: Callable[[Any], Any], fuse: Fuse) -> Callable[[Any], Any]:
    @contextmanager
    def watched(database: Any) -> Generator[Any]:
        with writing(database) as connection:
            yield connection
            number = fuse.begin("commit")
        fuse.reach(Place("commit", number, "after"))

    return watched
