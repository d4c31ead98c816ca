"""Crashes on purpose: the process that plays a world is killed with SIGKILL at its steps, at each of them once."""

import hashlib
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from baton.core import Delta, Model, ModelReply, ModelRequest, dump
from baton.ledger import Ledger, News, Transaction, events

Where = Literal["models", "tools", "commits"]
"""Around calls of models, around calls of tools, or after what the record was told."""

WHERE: tuple[Where, ...] = ("models", "tools", "commits")

_ALL = 1_000_000

_OF_CRASHES = frozenset({"run.taken_over", "run.troubled", "effect.claimed"})
"""Events that a crash itself causes, and one after which nothing differs from just before the tool's call."""


@dataclass(frozen=True, kw_only=True)
class Crashes:
    """Where a process is killed.

    Attributes:
        noted: The file that says at which steps it was; on the disk before it dies.
        share: Of the steps; 1 is every one.
        seed: Of the chance.
        at: Which kinds of steps.
    """

    noted: Path
    share: float
    seed: int
    at: Sequence[Where]

    def die(self, where: Where, step: str) -> None:
        """Be killed here, unless that has been done, or the step is spared."""
        if where not in self.at or drawn(self.seed, "crashes", step) >= self.share:
            return
        name = f"{where} {step}"
        if self.noted.exists() and name in self.noted.read_text(encoding="utf-8").splitlines():
            return
        with self.noted.open("a", encoding="utf-8") as out:
            out.write(f"{name}\n")
            out.flush()
            os.fsync(out.fileno())
        os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, ledger: Ledger) -> Callable[[], None]:
        """Be killed after each commit that tells of something new; gives what ends the watch."""

        def hear(_news: News) -> None:
            with ledger.database.reading() as connection:  # at once: what is asked of readers is answered too late
                told = events.of_all(Transaction(connection, ledger.clock.now()), limit=_ALL)
            self.die("commits", str(sum(event.kind not in _OF_CRASHES for event in told)))

        return ledger.listen(hear) if "commits" in self.at else lambda: None


@dataclass(frozen=True)
class CrashingModel:
    """A model whose process is killed before it is asked, and after it has answered and nobody has noted what."""

    model: Model
    crashes: Crashes

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        """Ask, if this process lives."""
        head = dump(list(request.messages[:2]))  # what follows may tell the time
        asked = f"{hashlib.sha256(head.encode('utf-8', 'replace')).hexdigest()} {len(request.messages)}"
        self.crashes.die("models", f"{asked} before")
        reply = await self.model.complete(request, on_delta)
        self.crashes.die("models", f"{asked} after")
        return reply


def drawn(seed: int, what: str, step: str) -> float:
    """A number from 0 to 1, the same for the same step."""
    value = hashlib.sha256(f"{seed} {what} {step}".encode()).digest()
    return int.from_bytes(value[:8], "big") / 2**64
