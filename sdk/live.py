"""Live output: a model's text as it comes. Pieces may be lost; what was said in the end is an event of the record."""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from baton.core import Delta, RunId

_MOST = 10_000  # pieces that wait for one listener; of one that is slower the oldest are lost
_CALLS = 500  # calls whose text so far is kept for who comes later
_LONGEST = 100_000  # characters of it


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of a model's text.

    Attributes:
        run: The run that thinks.
        turn: The turn that it will be, from 1: that of the event `model.answered`, which has the whole text.
        text: What came. Empty says that the text begins: what came of this turn before, from a stream that broke, is
            void.
        at: How many characters of the turn came before; where it is another number, some were lost.
    """

    run: RunId
    turn: int
    text: str
    at: int = 0


class Ear:
    """What one listener has not taken yet."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: deque[Piece] = deque(maxlen=_MOST)
        self._some = asyncio.Event()

    def hear(self, piece: Piece) -> None:
        """Add a piece."""
        self._pieces.append(piece)
        self._some.set()

    def take(self) -> list[Piece]:
        """All that came, oldest first; then there is nothing."""
        taken = list(self._pieces)
        self._pieces.clear()
        self._some.clear()
        return taken

    async def wait(self) -> None:
        """Return as soon as there is something to take."""
        await self._some.wait()


class Live:
    """The port: models tell it their text as it comes, and whoever listens hears it at once.

    Models are asked to stream only where somebody listens, or is expected to, when they are asked.
    """

    def __init__(self) -> None:
        """Begin with nobody who listens."""
        self._ears: set[Ear] = set()
        self._until = self._elsewhere_until = 0.0
        self._want: Callable[[], None] = lambda: None
        self._elsewhere: Callable[[Piece], None] = lambda _piece: None
        self._calls: OrderedDict[RunId, _Call] = OrderedDict()

    def of(self, run: RunId, turn: int) -> Delta | None:
        """What a model is to tell its text to that is asked for a turn of a run; None while nobody listens."""
        if not self._wanted:
            self._calls.clear()
            return None
        call = self._begin(run, turn)
        self._tell(call.begin())

        def tell(text: str) -> None:
            if text or call.said:
                self._tell(call.add(text) if text else call.begin())

        return tell

    def expect(self, seconds: float = 10.0) -> None:
        """Have models stream that are asked within so many seconds: somebody is about to listen to one."""
        self._until = max(self._until, time.monotonic() + seconds)
        self._want()

    @contextlib.contextmanager
    def listen(self) -> Generator[Ear]:
        """Hear every run at work in this process, and on Postgres in others; first what calls under way have said."""
        ear = Ear()
        for call in self._calls.values():
            for piece in call.so_far():
                ear.hear(piece)
        self._ears.add(ear)
        self._want()
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    def relay(self, want: Callable[[], None], elsewhere: Callable[[Piece], None]) -> None:
        """Have other processes told that somebody listens here, and, where somebody does there, what is said here."""
        self._want, self._elsewhere = want, elsewhere

    def wanted_elsewhere(self, seconds: float) -> None:
        """Somebody listens in another process, for so many seconds at least."""
        self._elsewhere_until = time.monotonic() + seconds

    def hear(self, piece: Piece) -> None:
        """A piece that was said in another process."""
        if not self._ears:
            return
        call = self._calls.get(piece.run) if piece.text else self._begin(piece.run, piece.turn)
        if call is not None and (call.turn, call.length) == (piece.turn, piece.at):
            call.add(piece.text)
            self._give(piece)

    @property
    def listened(self) -> bool:
        """Whether somebody listens here."""
        return bool(self._ears)

    @property
    def _wanted(self) -> bool:
        return bool(self._ears) or time.monotonic() < max(self._until, self._elsewhere_until)

    def _begin(self, run: RunId, turn: int) -> "_Call":
        while len(self._calls) >= _CALLS:
            self._calls.popitem(last=False)
        call = self._calls[run] = _Call(run, turn)
        return call

    def _tell(self, piece: Piece) -> None:
        self._give(piece)
        if time.monotonic() < self._elsewhere_until:
            self._elsewhere(piece)

    def _give(self, piece: Piece) -> None:
        for ear in self._ears:
            ear.hear(piece)


@dataclass
class _Call:
    """A model call under way, or the last one of its run.

    Attributes:
        said: Its text so far, or the beginning of it.
    """

    run: RunId
    turn: int
    said: list[str] = field(default_factory=list[str])
    length: int = 0

    def begin(self) -> Piece:
        self.said, self.length = [], 0
        return Piece(run=self.run, turn=self.turn, text="")

    def add(self, text: str) -> Piece:
        piece = Piece(run=self.run, turn=self.turn, text=text, at=self.length)
        self.length += len(text)
        if self.length < _LONGEST and text:
            self.said.append(text)
        return piece

    def so_far(self) -> list[Piece]:
        begun = Piece(run=self.run, turn=self.turn, text="")
        return [begun, Piece(run=self.run, turn=self.turn, text="".join(self.said))] if self.said else [begun]
