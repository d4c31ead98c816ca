"""Live output between processes that share a Postgres database: who listens, and what their models say."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from baton.core import RunId, dump, random_id
from baton.ledger.broadcast import LONGEST, Broadcast
from baton.live import Live, Piece

WANTED_SECONDS = 15.0
"""For how long others stream that have heard that somebody listens here."""


class Relay:
    """Tells other processes that somebody listens here, and hears what is said there.

    Nothing of it is kept: a piece that gets lost is not missed, as the event of its turn has the whole text.
    """

    def __init__(self, live: Live, url: str) -> None:
        """Relay what `live` hears and wants, over the database of this URL."""
        self._live, self._name = live, random_id("live")
        self._broadcast = Broadcast(url, self._hear)
        self._renewing: asyncio.Task[None] | None = None

    def start(self, *, at_work: bool) -> None:
        """Begin: at once where agents are at work, who may be listened to; else once somebody wants to listen."""
        self._live.relay(self._want, self._tell)
        if at_work:
            self._connect()

    def _connect(self) -> None:
        if self._renewing is None:
            self._broadcast.start()
            self._renewing = asyncio.create_task(self._renew(), name="baton-live")

    async def stop(self) -> None:
        """End."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._broadcast.stop()

    def _want(self) -> None:
        self._connect()
        self._say({"wants": WANTED_SECONDS})

    def _tell(self, piece: Piece) -> None:
        for start, text in _cut(piece.text):
            self._say({"run": piece.run, "turn": piece.turn, "text": text, "at": piece.at + start})

    def _say(self, what: dict[str, Any]) -> None:
        self._broadcast.tell(dump({"by": self._name, **what}))

    def _hear(self, said: str) -> None:
        told: dict[str, Any] = json.loads(said)
        if told["by"] == self._name:
            return
        if "wants" in told:
            self._live.wanted_elsewhere(told["wants"])
        else:
            piece = Piece(run=RunId(told["run"]), turn=told["turn"], text=told["text"], at=told["at"])
            self._live.hear(piece)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(WANTED_SECONDS / 3)
            if self._live.listened:
                self._want()


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """The pieces of a piece that a telling takes, whatever its letters are, each with where it begins."""
    yield from ((start, text[start : start + _LETTERS]) for start in range(0, len(text) or 1, _LETTERS))


_LETTERS = LONGEST // 8  # of which JSON makes six bytes each at most
