"""A run as it goes: its events, and between them the text of its models as it comes, each in its place."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

from baton.core import RunId
from baton.ledger import Transaction, events, families, runs
from baton.live import Ear, Piece
from baton.story import Moment

ANSWERED = "model.answered"
"""The kind of the event that has the whole text of a turn."""


def answered(tx: Transaction, run: RunId) -> dict[RunId, int]:
    """Of a run and of those that it handed work to, the last turn that is recorded; 0 where there is none."""
    return {member: _last(tx, member) for member in families.ids(tx, run)}


def _last(tx: Transaction, run: RunId) -> int:
    found = events.latest(tx, run, ANSWERED, 1)
    return found[0].data["turn"] if found else runs.get(tx, run).forked_at or 0


async def follow(story: AsyncGenerator[Moment], ear: Ear, told: Mapping[RunId, int]) -> AsyncGenerator[Moment | Piece]:
    """Events and pieces until the story ends.

    The pieces of a turn come before its event, and none after it; those of the next turn come after it. Where one was
    lost, no more come of its turn: what came is the beginning of what the event has.

    Args:
        story: What happens in a run and in those it hands work to.
        ear: Hears them, and perhaps others.
        told: What `answered` gave, once it was listened.
    """
    order = _Order(told)
    following = asyncio.ensure_future(anext(story, None))
    hearing = asyncio.ensure_future(ear.wait())
    try:
        while True:
            await asyncio.wait((following, hearing), return_when=asyncio.FIRST_COMPLETED)
            for piece in order.add(ear.take()):
                yield piece
            if hearing.done():
                hearing = asyncio.ensure_future(ear.wait())
            if not following.done():
                continue
            moment = following.result()
            if moment is None:
                return
            yield moment
            following = asyncio.ensure_future(anext(story, None))
            for piece in order.passed(moment):
                yield piece
    finally:
        for task in (following, hearing):
            task.cancel()
        await asyncio.gather(following, hearing, return_exceptions=True)
        await story.aclose()


class _Order:
    """Which pieces may be told: of the runs that are known, those of the turn that comes next."""

    def __init__(self, told: Mapping[RunId, int]) -> None:
        self._told = dict(told)
        self._held: list[Piece] = []
        self._come: dict[RunId, tuple[int, int]] = {}  # turn, and how many characters of it

    def add(self, pieces: list[Piece]) -> list[Piece]:
        """What may be told now of these and of those held back."""
        waiting, self._held = self._held + pieces, []
        if not waiting:
            return []
        ready = [piece for piece in waiting if piece.turn == self._next(piece)]
        self._held = [piece for piece in waiting if piece.turn > self._next(piece)]
        return [piece for piece in ready if self._fits(piece)]

    def passed(self, moment: Moment) -> list[Piece]:
        """What may be told once an event was."""
        run, event = moment.run.id, moment.event
        self._told[run] = max(self._told.get(run, 0), event.data["turn"] if event.kind == ANSWERED else 0)
        return self.add([])

    def _fits(self, piece: Piece) -> bool:
        """Whether nothing was lost before a piece: behind a gap the event has the rest."""
        if piece.text and self._come.get(piece.run) != (piece.turn, piece.at):
            return False
        self._come[piece.run] = (piece.turn, piece.at + len(piece.text))
        return True

    def _next(self, piece: Piece) -> int:
        """The turn of a piece's run that is to come; of a run that is not known, none ever."""
        return self._told.get(piece.run, _NEVER) + 1


_NEVER = 2**62
