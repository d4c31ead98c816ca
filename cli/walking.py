"""`baton review` at a terminal: one question a screen, decided by a key, and the next comes by itself."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from baton.cli.asking import ask_edit
from baton.cli.keyboard import Keyboard
from baton.cli.opening import Place
from baton.cli.output import Screen
from baton.cli.questions import put_off
from baton.cli.review_page import whole
from baton.core import BatonError, Conflict, ReviewId, RunId
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import DecisionKind, Review, ReviewKind, audits, reviews, runs
from baton.pages import ReviewPage, read_page
from baton.review import Answer
from baton.review.deciding import answers_to
from baton.review.queue import CLAIM_SECONDS, hold_for
from baton.telling import DECIDED

if TYPE_CHECKING:
    from baton.app import Baton

_KEYS = {
    "a": "approve",
    "e": "edit",
    "w": "answer in words",
    "r": "reject",
    "c": "comment",
    "b": "ask back",
    "d": "delegate",
    "s": "snooze",
    "g": "group",
    "u": "undo",
    "q": "quit",
}
_DECIDING = {DecisionKind.APPROVE: "a", DecisionKind.EDIT: "e", DecisionKind.RESPOND: "w", DecisionKind.REJECT: "r"}
_BESIDE = {ReviewKind.ACTION: "cbdsguq", ReviewKind.TROUBLE: "cdsuq"}
"""The keys that decide nothing, by kind; of other kinds `cbdsuq`."""

_UNBROKEN = "\N{NO-BREAK SPACE}"
_HELP = """a  let it happen as it is proposed
e  let it happen with other arguments: name=value, one a line
w  answer in words; of a doubt: it did happen, this is its result
r  say no; the agent is told why
c  say something to others who look at it; the agent is not told
b  ask the agent something; its answer stands beside the question
d  give it to somebody else, or to a role
s  put it off for yourself; others may take it
g  show what else asks for the very same, to decide it all at once
u  take the last decision back, as long as it is held
space  the rest of the page
q  leave; what you have not decided stays as it is"""


@dataclass
class Walk:
    """One person's way through the queue.

    Attributes:
        skills: What they know; None is everything.
        roles: The roles that they have; None is all.
        last: The question that was decided last, which can be undone while it is held.
        again: A question to show next, before any other.
        told: What has just happened, or went wrong.
        decided: The questions that were decided, with the runs that go on because of that.
    """

    baton: "Baton"
    place: Place
    screen: Screen
    keys: Keyboard
    skills: Collection[str] | None = None
    roles: Collection[str] | None = None
    last: ReviewId | None = None
    again: ReviewId | None = None
    told: Text = field(default_factory=Text)
    decided: dict[ReviewId, RunId] = field(default_factory=dict[ReviewId, RunId])

    async def go(self) -> None:
        """Show one question after the other until none is left, or the person leaves."""
        try:
            while (review := await self._next()) is not None:
                async with self._kept(review):
                    if not await self._one(review.id):
                        break
            else:
                self.told.append("\nNothing waits for you any more.")
        finally:
            self.keys.close()
        await self._leave()

    async def _next(self) -> Review | None:
        again, self.again = self.again, None
        if again is not None:
            with contextlib.suppress(Conflict):  # somebody else was faster
                return await self.baton.reviews.claim(again, person())
        return await self.baton.reviews.next(person(), skills=self.skills, roles=self.roles)

    @contextlib.asynccontextmanager
    async def _kept(self, review: Review) -> AsyncGenerator[None]:
        """The claim, renewed as long as the question is on the screen, and given back where it was not decided."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(CLAIM_SECONDS / 3)
                await self.baton.reviews.claim(review.id, person())

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with contextlib.suppress(Conflict):
                await self.baton.reviews.release(review.id, person())

    async def _one(self, id: ReviewId) -> bool:
        """Show a question until it is done with; False where the person leaves."""
        offset, sure = 0, False
        while True:
            page = await self.baton.ledger.read(lambda tx: read_page(tx, id))
            offset = self._draw(page, offset)
            self.keys.forget()
            key = await self.keys.key()
            if key == "q":
                return False
            if key == " ":
                offset += 1
                continue
            if key == "a" and page.review.verdict.grave and not sure:
                self.told, sure = Text(_GRAVE, style="yellow"), True
                continue
            sure = False
            if await self._pressed(key, page.review):
                return True

    async def _pressed(self, key: str, review: Review) -> bool:
        """Do what a key stands for; whether the question is done with."""
        do: dict[str, Callable[[Review], Awaitable[bool]]] = {
            "a": self._approve,
            "e": self._edit,
            "w": self._respond,
            "r": self._reject,
            "c": self._comment,
            "b": self._ask_back,
            "d": self._delegate,
            "s": self._snooze,
            "g": self._together,
            "u": self._undo,
        }
        self.told = Text()
        if key == "?":
            self.told = Text(_HELP)
        elif key not in _fitting(review.kind):
            self.told = Text("? lists the keys", style="dim")
        else:
            try:
                return await do[key](review)
            except Conflict as error:  # somebody else was faster, or it has changed: it is looked at anew
                self.told = Text(str(error), style="red")
                return not (await self.baton.reviews.get(review.id)).open
            except BatonError as error:
                self.told = Text(str(error), style="red")
        return False

    async def _approve(self, review: Review) -> bool:
        return await self._decide(review, DecisionKind.APPROVE)

    async def _edit(self, review: Review) -> bool:
        answer = await ask_edit(review, self.baton, self.screen, self.keys.line)
        return answer is not None and await self._answer(review, answer)

    async def _respond(self, review: Review) -> bool:
        said = await self.keys.line("your answer: ")
        return bool(said and said.strip()) and await self._decide(review, DecisionKind.RESPOND, said or "")

    async def _reject(self, review: Review) -> bool:
        said = await self.keys.line("why? (the agent is told; empty goes back) ")
        return bool(said and said.strip()) and await self._decide(review, DecisionKind.REJECT, said or "")

    async def _comment(self, review: Review) -> bool:
        said = await self.keys.line("comment: ")
        if said and said.strip():
            await self.baton.reviews.comment(review.id, said, by=person())
        return False

    async def _ask_back(self, review: Review) -> bool:
        said = await self.keys.line(f"ask {one_line(review.agent)}: ")
        if said and said.strip():
            await self.baton.reviews.ask(review.id, said, by=person())
            self.told = Text("asked; the answer comes beside the question, in a while", style="dim")
        return False

    async def _delegate(self, review: Review) -> bool:
        to = await self.keys.line("give it to: ")
        if not to or not to.strip():
            return False
        await self.baton.reviews.delegate(review.id, to.strip(), by=person(), version=review.version)
        self.told = Text(f"{review.id} is for {one_line(to)}", style="dim")
        return True

    async def _snooze(self, review: Review) -> bool:
        until = await self.keys.line("for how long, or until when? (1h) ")
        if until is None:
            return False
        await put_off(self.baton.reviews, review.id, until.strip() or "1h")
        self.told = Text(f"{review.id} is put off", style="dim")
        return True

    async def _together(self, review: Review) -> bool:
        others = await self.baton.reviews.alike(review.id, person())
        if not others:
            self.told = Text("nothing else asks for the very same, or this is decided by itself", style="dim")
            return False
        goals = await self.baton.ledger.read(lambda tx: [runs.get(tx, one.run).goal.statement for one in others])
        self.screen.out.print(Text(f"\nthe very same is asked {len(others)} times more, by the same rules:"))
        for one, goal in zip(others, goals, strict=True):
            self.screen.out.print(Text(one_line(f"  {one.id}  {goal}", self.screen.out.width - 2)))
        said = await self.keys.line(f"approve all {len(others) + 1} (yes), or reject them (why?), or nothing: ")
        if not said or not said.strip():
            return False
        yes = said.strip() == "yes"
        kind, note = (DecisionKind.APPROVE, "") if yes else (DecisionKind.REJECT, said)
        answer = Answer(kind=kind, by=person(), note=note, channel="cli")
        done = await self.baton.reviews.decide_alike([review, *others], answer)
        self.decided |= {one.id: one.run for one in (review, *others)}
        failed = [str(one) for one in done if isinstance(one, BatonError)]
        self.last = None
        self.told = Text(f"{DECIDED[kind]} {len(done) - len(failed)} questions; they have gone out", style="green")
        self.told.append("".join(f"\n{one}" for one in failed), style="red")
        return True

    async def _undo(self, review: Review) -> bool:
        if self.last is None:
            self.told = Text("there is nothing to undo", style="dim")
            return False
        last, self.last = self.last, None
        await self.baton.undo(last)
        self.again, self.told = last, Text(f"taken back: {last} is open again", style="magenta")
        return True

    async def _decide(self, review: Review, kind: DecisionKind, note: str = "") -> bool:
        return await self._answer(review, Answer(kind=kind, by=person(), note=note, version=review.version))

    async def _answer(self, review: Review, answer: Answer) -> bool:
        hold = hold_for(review, self.baton.reviews.now)
        await self.baton.decide(review.id, replace(answer, hold=hold, channel="cli"))
        self.last = review.id if hold or review.verdict.quorum > 1 else None
        self.decided[review.id] = review.run
        self.told = Text.assemble(f"{DECIDED[answer.kind]} ", (review.id, "bold"), style="green")
        self.told.append(f"; u takes it back, for {hold:g} s" if hold else "; it is urgent, and has gone out")
        return True

    def _draw(self, page: ReviewPage, offset: int) -> int:
        """Show a part of the page; which one it was, from 0, as after the last one the first comes again."""
        out, review = self.screen.out, page.review
        parts = whole(page, self.baton.reviews.now, self.place.command(f"runs show {review.run}"), out.width - 4)
        lines = out.render_lines(Group(*parts), pad=False)
        words = [*(f"{key} {_KEYS[key]}" for key in _fitting(review.kind)), "? help"]
        foot = Text("  ".join(one.replace(" ", _UNBROKEN) for one in words), style="cyan")
        below = (len(self.told.wrap(out, out.width)) if self.told else 0) + len(foot.wrap(out, out.width)) + 1
        room = max(out.height - below - 1, 5)
        count = max(-(-len(lines) // room), 1)
        offset %= count
        out.clear()
        for line in lines[offset * room : (offset + 1) * room]:
            out.print(Text.assemble(*((segment.text, segment.style or "") for segment in line)), no_wrap=True)
        more = f"space: more ({offset + 1} of {count})" if count > 1 else ""
        out.rule(Text(more, style="dim"), align="right", style="dim")
        if self.told:
            out.print(self.told)
        out.print(foot)
        return offset

    async def _leave(self) -> None:
        """Say what happened, and let what was decided go on, unless others see to that."""
        self.screen.show(self.told)
        left = await self.baton.ledger.read(lambda tx: len(audits.waiting(tx)))
        if left:
            self.screen.show(f"{left} to look back at: {self.place.command('review list')}")
        if self.decided and self.baton.agents and await self.baton.at_work() is None:
            self.screen.note("What you have decided is carried out; Ctrl-C leaves that for later.", "dim")
            await self.baton.until(lambda tx: not any(reviews.get(tx, id).held for id in self.decided) or None)
            for run in set(self.decided.values()):
                await (await self.baton.open(run)).settled()


_GRAVE = "It takes several people, or another one than who asked: press a once more to approve it."


def _fitting(kind: ReviewKind) -> str:
    """The keys that fit a kind of question."""
    return "".join(_DECIDING[answer] for answer in answers_to(kind)) + _BESIDE.get(kind, "cbdsuq")
