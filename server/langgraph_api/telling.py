"""What happens in a run as LangGraph's stream events: values, updates, messages, and what is custom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from baton.core import RunId
from baton.following import ANSWERED
from baton.ledger import Ledger, Run, Transaction, runs
from baton.live import Piece
from baton.server.hearing import Hearing
from baton.server.langgraph_api.messages import Message, Told, chunk, messages, told
from baton.server.langgraph_api.position import Position
from baton.server.progress import progress
from baton.story import Moment

_NODES = {"assistant": "think", "tool": "act", "notice": "receive"}
"""By role, the node whose update a line is; what the user says is no update."""

_QUIET = frozenset({"run.submitted", "action.judged", "effect.claimed", "review.opened"})
"""Events that come with no new lines."""


@dataclass(frozen=True)
class StreamEvent:
    """One event of a stream; of several that belong together the last has the id."""

    name: str
    data: Any


@dataclass
class _Saying:
    """The text of a run's turn under way.

    Attributes:
        text: What was given of it, for clients that are told it whole each time.
    """

    turn: int
    hearing: Hearing
    text: str = ""
    begun: bool = False


@dataclass
class Telling:
    """Turns what happens into events of the modes that are wanted.

    Attributes:
        run: The run at the top.
        labels: What each message says of where it comes from.
        subgraphs: Whether runs that it handed work to are told as well, under their namespaces.
        position: How far it has come.
    """

    ledger: Ledger
    run: RunId
    modes: frozenset[str]
    labels: dict[str, Any]
    subgraphs: bool
    position: Position
    _saying: dict[RunId, _Saying] = field(default_factory=dict[RunId, _Saying])
    _heads: dict[RunId, int] = field(default_factory=dict[RunId, int])
    _names: dict[RunId, str] = field(default_factory=dict[RunId, str])

    def __post_init__(self) -> None:
        """Go on where it stood."""
        self._heads[self.run] = self.position.head
        if self.position.given:
            self._saying[self.run] = _Saying(self.position.turn, Hearing(self.position.given))

    async def tell(self, one: Moment | Piece) -> list[StreamEvent]:
        """The events that this makes."""
        if isinstance(one, Piece):
            return self._piece(one) if self._wants(one.run) else []
        self.position.numbers[one.run.id] = one.event.seq
        self._names[one.run.id] = one.run.agent
        line = progress(one) if "custom" in self.modes else None
        events = [StreamEvent("custom", {"progress": line})] if line is not None else []
        if not self._wants(one.run.id):
            return events
        if one.event.kind == ANSWERED:
            events += self._whole(one.run, one.event.data["turn"], one.text)
        return events if one.event.kind in _QUIET else events + await self._lines(one.run)

    async def rest(self) -> list[StreamEvent]:
        """The lines of the run that have come since."""
        return await self._lines(await self.ledger.read(lambda tx: runs.get(tx, self.run)))

    def _wants(self, run: RunId) -> bool:
        return run == self.run or (self.subgraphs and run in self._names)

    async def _lines(self, run: Run) -> list[StreamEvent]:
        head = self._heads.get(run.id, 0)
        whole = "values" in self.modes

        def read(tx: Transaction) -> tuple[list[Told], list[Message]]:
            fresh = [one for one in told(tx, run, head) if one.line > head]
            return fresh, messages(tx, run) if fresh and whole else []

        fresh, every = await self.ledger.read(read)
        if not fresh:
            return []
        self._heads[run.id] = fresh[-1].line
        if run.id == self.run:
            self.position.head = fresh[-1].line
        events = [event for one in fresh for event in self._line(run.id, one)]
        return [*events, self._event("values", run.id, {"messages": every})] if whole else events

    def _line(self, run: RunId, one: Told) -> list[StreamEvent]:
        node = _NODES.get(one.role)
        if node is None:
            return []
        events: list[StreamEvent] = []
        if "updates" in self.modes:
            events.append(self._event("updates", run, {node: {"messages": [one.message]}}))
        if "messages" in self.modes:
            events.append(self._event("messages/complete", run, [one.message]))
        if "messages-tuple" in self.modes and one.role != "assistant":
            events.append(self._event("messages", run, [one.message, self._label(node, one.turn)]))
        return events

    def _piece(self, piece: Piece) -> list[StreamEvent]:
        saying = self._saying.get(piece.run)
        if saying is None or saying.turn != piece.turn:
            saying = self._saying[piece.run] = _Saying(piece.turn, Hearing())
        return self._said(piece.run, saying, saying.hearing.piece(piece.text))

    def _whole(self, run: Run, turn: int, text: str) -> list[StreamEvent]:
        saying = self._saying.pop(run.id, None)
        if saying is None or saying.turn != turn:
            saying = _Saying(turn, Hearing())
        events = self._said(run.id, saying, saying.hearing.whole(text))
        if run.id == self.run:
            self.position.turn, self.position.given = turn, 0
        return events

    def _said(self, run: RunId, saying: _Saying, text: str) -> list[StreamEvent]:
        if not text:
            return []
        if run == self.run:
            self.position.turn, self.position.given = saying.turn, saying.hearing.given
        saying.text += text
        events: list[StreamEvent] = []
        if "messages-tuple" in self.modes:
            said = [chunk(run, saying.turn, text), self._label("think", saying.turn)]
            events.append(self._event("messages", run, said))
        if "messages" in self.modes:
            whole = chunk(run, saying.turn, saying.text) | {"type": "ai"}
            if not saying.begun:
                label = {whole["id"]: {"metadata": self._label("think", saying.turn)}}
                events.append(self._event("messages/metadata", run, label))
            events.append(self._event("messages/partial", run, [whole]))
        saying.begun = True
        return events

    def _label(self, node: str, turn: int) -> dict[str, Any]:
        return {**self.labels, "langgraph_node": node, "langgraph_step": turn}

    def _event(self, name: str, run: RunId, data: object) -> StreamEvent:
        return StreamEvent(name if run == self.run else f"{name}|{self._names[run]}:{run}", data)


def interrupted(modes: frozenset[str], asks: Sequence[dict[str, Any]]) -> list[StreamEvent]:
    """That the run waits for people."""
    return [StreamEvent("updates", {"__interrupt__": list(asks)})] if asks and "updates" in modes else []
