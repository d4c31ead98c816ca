"""`baton chat`: a conversation in the terminal, with questions to the person asked where they sit."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from baton.cli.asking import ask
from baton.cli.opening import Place, at_work, find_place
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.review_page import card, show_question
from baton.cli.typed import TypedLines
from baton.core import BatonError, RunId
from baton.core.texts import one_line, safe
from baton.handles import RunHandle
from baton.ledger import Review
from baton.live import Piece
from baton.review.record import review_json
from baton.story import Moment
from baton.telling import tell

if TYPE_CHECKING:
    from baton.app import Baton

HELP = """/reviews  what waits for you here
/cancel   end the conversation for good
/quit     leave; the conversation goes on when you come back
/help     this"""


async def chat(*, agent: str | None = None, resume: str | None = None, common: Common = DEFAULTS) -> None:
    """Talk with an agent. Each line is a turn; /help lists what else can be typed; end of input leaves.

    With --json each turn's answer is one line of JSON.

    Args:
        agent: Whom to talk with (default: the first agent of the project).
        resume: Go on with this run, or after it if it has ended.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    async with at_work(place, screen) as baton:
        handle = await _begin(baton, agent, resume)
        talk = _Talk(baton, handle, screen, place)
        again = place.command(f"chat --resume {handle.id}")
        try:
            await talk.go()
        except asyncio.CancelledError:
            screen.note(f"\nNothing is lost. Go on with: {again}")
            raise
        if not (await handle.status()).ended:
            screen.note(f"Go on with: {again}", "dim")


async def _begin(baton: "Baton", agent: str | None, resume: str | None) -> RunHandle:
    if resume is None:
        return await baton.converse(agent=agent)
    handle = await baton.open(resume)
    known = await handle.status()
    if known.ended or not known.goal.conversation:
        return await baton.converse(agent=agent or known.agent, follow=known.id)
    return handle


@dataclass
class _Talk:
    """One conversation.

    Attributes:
        said: The text of the answer that has been streamed to the screen so far.
        left: Questions that the person has left for later.
    """

    baton: "Baton"
    handle: RunHandle
    screen: Screen
    place: Place
    typed: TypedLines = field(default_factory=TypedLines)
    said: str = ""
    left: set[str] = field(default_factory=set[str])

    async def go(self) -> None:
        """Take turns until the person leaves, or the run ends."""
        name = one_line((await self.handle.status()).agent)
        self.screen.note(f"{name} listens. /help lists what can be typed; end of input (Ctrl-D) leaves.", "dim")
        await self._ask()
        while not (await self.handle.status()).ended:
            line = await self._read("> ")
            if line is None or line.strip() == "/quit":
                return
            if line.strip().startswith("/"):
                await self._command(line.strip())
            elif line.strip():
                await self._turn(line.strip())

    async def _turn(self, text: str) -> None:
        """Say something, show what comes of it, and ask what the agent wants to know."""
        seen = await self.handle.seen()
        self.baton.live.expect()
        await self.handle.message(text)
        answers = await self._follow(seen)
        asked = await self._open_reviews()
        self.screen.line({"run": self.handle.id, "answers": answers, "waits_for": [review_json(r) for r in asked]})
        await self._ask()

    async def _follow(self, seen: dict[RunId, int]) -> list[str]:
        """Show what happens until the run has settled; what the agent has said."""
        answers: list[str] = []
        async for moment in self.handle.live(seen):
            if isinstance(moment, Piece):
                self._stream(moment)
                continue
            self._show(moment)
            if moment.event.kind == "model.answered" and moment.run.id == self.handle.id and moment.text.strip():
                answers.append(moment.text)
        return answers

    def _show(self, moment: Moment) -> None:
        if moment.event.kind == "model.answered" and moment.run.id == self.handle.id:
            self._finish_answer(moment.text)
            return
        line = tell(moment)
        if line is not None and moment.event.kind not in ("message.user", "run.submitted", "review.opened"):
            self.screen.note(Text(f"  {line.mark} {one_line(line.text, 160)}", style="dim"))

    def _stream(self, piece: Piece) -> None:
        """A piece of an answer as it comes; pieces may be lost, `_finish_answer` has the whole."""
        if piece.run == self.handle.id and self.screen.out.is_terminal and not self.screen.json:
            if not piece.text and self.said:
                self.screen.show("")
                self.said = ""
            self.screen.out.print(Text(safe(piece.text)), end="")
            self.said += piece.text

    def _finish_answer(self, text: str) -> None:
        """The answer is whole: end its line, or show it where it was not streamed as it is."""
        streamed, self.said = self.said, ""
        if streamed:
            self.screen.show("")
        if text.strip() and streamed != text:
            self.screen.show(text)

    async def _command(self, words: str) -> None:
        match words:
            case "/reviews":
                self.left.clear()
                found = await self._open_reviews()
                self.screen.show(*(card(review, self.baton.ledger.clock.now()) for review in found))
                if not found:
                    self.screen.show("Nothing waits for you here.")
                await self._ask()
            case "/cancel":
                seen = await self.handle.seen()
                await self.handle.cancel()
                await self._follow(seen)
            case _:
                self.screen.note(HELP, "dim")

    async def _open_reviews(self) -> list[Review]:
        return [review for review in (await self.handle.stands()).reviews if review.held is None]

    async def _ask(self) -> None:
        """Ask the person what the agent waits for; on a terminal only, else say how to answer."""
        while asked := [review for review in await self._open_reviews() if review.id not in self.left]:
            review = asked[0]
            answer = None
            if self.screen.asks:
                show_question(self.screen, review, self.baton.ledger.clock.now())
                answer = await ask(review, self.baton, self.screen, self._read)
            else:
                self.screen.note(f"{review.id} waits for a person: {self.place.command(f'review show {review.id}')}")
            if answer is None:
                self.left.add(review.id)
                continue
            seen = await self.handle.seen()
            try:
                await self.baton.decide(review.id, answer)
            except BatonError as error:
                self.screen.note(str(error), "red")
            await self._follow(seen)

    async def _read(self, prompt: str) -> str | None:
        """A typed line; the prompt is shown on a terminal only."""
        if self.screen.asks:
            self.screen.out.print(Text(prompt, style="bold cyan"), end="")
        return await self.typed.next()
