"""Worlds that live in memory, as benchmarks have them, made durable: every call is logged, and a log is played again.

So an evaluation of them can be killed and gone on with: the world is what its log makes of a fresh one.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from baton.core import variable

W = TypeVar("W")

VARIABLE = "BATON_LIVE_WORLD"
"""By which tools find the folder of their world."""

WORLD, LOG = "world.json", "calls.jsonl"

Result = tuple[str, bool]
"""What a call gave, as text, and whether it failed."""


@dataclass
class _World(Generic[W]):
    state: W
    answers: dict[str, Result] = field(default_factory=dict[str, Result])


class LiveWorlds(Generic[W]):
    """The worlds of a benchmark in this process."""

    def __init__(
        self, make: Callable[[dict[str, Any]], W], execute: Callable[[W, str, dict[str, Any]], Result]
    ) -> None:
        """Say how a world comes to be.

        Args:
            make: Makes a fresh one of a case's `world`.
            execute: Carries a call out in it: tool, arguments; what it gave. Never raises for what the tool refuses.
        """
        self._make, self._execute = make, execute
        self._known: dict[Path, _World[W]] = {}
        self._lock = threading.Lock()

    @staticmethod
    def prepare(folder: Path, world: Any) -> None:
        """Write down what a world is made of."""
        (folder / WORLD).write_text(json.dumps(world), encoding="utf-8")

    @staticmethod
    def environment(folder: Path) -> dict[str, str]:
        """Where tools find it."""
        return {VARIABLE: str(folder)}

    def call(self, tool: str, arguments: dict[str, Any], key: str) -> str:
        """Carry a call out, once for each key: what was done is answered from the log.

        Raises:
            ValueError: if the tool refused it, with what it said.
        """
        with self._lock:
            folder = Path(variable(VARIABLE) or ".")
            world = self._world(folder)
            if key not in world.answers:
                world.answers[key] = self._execute(world.state, tool, arguments)
                _append(folder / LOG, {"key": key, "tool": tool, "arguments": arguments})
            text, failed = world.answers[key]
        if failed:
            raise ValueError(text)
        return text

    def state(self, folder: Path) -> W:
        """The world as it stands."""
        with self._lock:
            return self._world(folder).state

    def forget(self, folder: Path) -> None:
        """Let a world's memory go."""
        with self._lock:
            self._known.pop(folder, None)

    def _world(self, folder: Path) -> _World[W]:
        if folder not in self._known:
            made = _World(self._make(json.loads((folder / WORLD).read_text(encoding="utf-8"))))
            for one in read_log(folder):
                made.answers[one["key"]] = self._execute(made.state, one["tool"], one["arguments"])
            self._known[folder] = made
        return self._known[folder]


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The calls that were carried out in a world, in order; a line that a crash cut off was never answered."""
    path = folder / LOG
    if not path.exists():
        return []
    found: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
        out.flush()
        os.fsync(out.fileno())
