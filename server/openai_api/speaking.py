"""What comes of a conversation's turn, as pieces of the one answer that a client waits for. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from baton.core import RunId, format_time
from baton.following import ANSWERED
from baton.handles import Result
from baton.ledger import Review
from baton.live import Piece
from baton.server.hearing import Hearing
from baton.server.progress import progress
from baton.story import Moment, Waiting

Field = Literal["content", "reasoning_content"]


@dataclass(frozen=True)
class Delta:
    """A piece of the answer, or of what is told of the way to it."""

    field: Field
    text: str


class Speaking:
    """Puts an answer together from what happens; whatever was said is said once, and in the end all of it.

    Attributes:
        tokens: Prompt and completion tokens that it took.
    """

    def __init__(self, run: RunId) -> None:
        """Begin the answer of a run."""
        self._run = run
        self._spoken = False  # whether there is text of an earlier turn
        self._turn = Hearing()
        self._texts: list[str] = []
        self.tokens = [0, 0]

    def hear(self, one: Moment | Piece) -> list[Delta]:
        """What the client is told of this."""
        if isinstance(one, Piece):
            return self._piece(one) if one.run == self._run else []
        if one.event.kind == ANSWERED:
            used = one.event.data["tokens"]
            self.tokens = [self.tokens[0] + used[0], self.tokens[1] + used[1]]
            return self._whole(one.text) if one.run.id == self._run else []
        line = progress(one)
        return [Delta("reasoning_content", f"{line}\n")] if line is not None else []

    def end(self, result: Result, waits: Waiting, links: Sequence[str]) -> list[Delta]:
        """What is said in the end: how the run came out, or what it goes on with only.

        Args:
            result: How it stands.
            waits: What it waits for.
            links: For each open question where a person answers it.
        """
        asked = [one for one in waits.reviews if one.held is None]
        said = [_asks(review, link) for review, link in zip(asked, links, strict=True)]
        said += [f"I wait for the event {one.event}." for one in waits.events]
        if waits.until is not None:
            said.append(f"I wait until {format_time(waits.until)}.")
        if result.status in ("refused", "failed", "cancelled"):
            said.append(f"[{result.status}] {result.summary}")
        elif result.status == "done" and result.summary.strip() not in [text.strip() for text in self._texts]:
            said.append(result.summary)
        return [delta for text in said for delta in self._whole(text)]

    def _piece(self, piece: Piece) -> list[Delta]:
        begun = self._turn.given > 0
        return self._give(self._turn.piece(piece.text), begun)

    def _whole(self, text: str) -> list[Delta]:
        begun = self._turn.given > 0
        given = self._give(self._turn.whole(text), begun)
        self._spoken = self._spoken or begun or bool(given)
        self._texts.append(text)
        return given

    def _give(self, text: str, begun: bool) -> list[Delta]:
        if not text or not (begun or text.strip()):
            return []
        return [Delta("content", text if begun or not self._spoken else f"\n\n{text}")]


def _asks(review: Review, link: str) -> str:
    what = str(review.question.get("summary", "")).strip() or review.tool
    return f"A person has to decide first: {what}\n{link}\nA message here decides nothing."
