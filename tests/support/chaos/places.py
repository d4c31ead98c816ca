"""Places in a run's life where its process may die: before and after each commit, tool call and model call.

The hooks are put in from outside; what runs is the production code.
"""

import functools
import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from baton.agents import OpenAIModel
from baton.core import ModelReply
from baton.ledger.postgres import PostgresDatabase
from baton.ledger.sqlite import SqliteDatabase

Side = Literal["before", "after"]
Kind = Literal["commit", "tool", "question", "model"]


@dataclass(frozen=True)
class Place:
    """One side of one transition of a process, counted from 1."""

    number: int
    side: Side

    def __str__(self) -> str:
        return f"{self.side} {self.number}"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Fuse:
    """Notes each transition in a file, and ends the process with SIGKILL at one of them.

    Args:
        place: None for nowhere.
        notes: What was passed: a line each, with number, side and kind.
    """

    def __init__(self, place: Place | None, notes: Path) -> None:
        self._place = place
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._count = 0

    @contextmanager
    def passing(self, kind: Kind) -> Generator[None]:
        """Around a transition: before it, and right after it has happened and nobody has been told yet."""
        number = self.begin(kind)
        yield
        self.reach(Place(number, "after"), kind)

    def begin(self, kind: Kind) -> int:
        """A transition is about to happen; its number."""
        self._count += 1
        number = self._count
        self.reach(Place(number, "before"), kind)
        return number

    def reach(self, place: Place, kind: Kind) -> None:
        os.write(self._notes, f"{place.number} {place.side} {kind}\n".encode())
        if place == self._place:
            die()


def passed(notes: Path) -> list[tuple[Place, str]]:
    """What a process has passed, in order."""
    if not notes.exists():
        return []
    found: list[tuple[Place, str]] = []
    for line in notes.read_text(encoding="utf-8").splitlines():
        number, side, kind = line.split()
        found.append((Place(int(number), "before" if side == "before" else "after"), kind))
    return found


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
        fuse.reach(Place(number, "after"), "commit")

    return watched
