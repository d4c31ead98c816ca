"""A run as its user sees it: follow its events, wait for its result, say something, cancel."""

import contextlib
import getpass
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from baton.core import Attachment, RunFailed, RunId, Trust
from baton.following import answered, follow
from baton.ledger import (
    ENDED,
    Event,
    Ledger,
    Line,
    Review,
    Run,
    Transaction,
    events,
    families,
    mail,
    reviews,
    runs,
    transcript,
)
from baton.live import Live, Piece
from baton.noting import RunNotes
from baton.review import outcomes
from baton.story import Moment, moments
from baton.watch import Pending, Watch

ATTACHED = "attachment: "
"""What a message begins with that hands an attachment in; its name follows, and on the next line its text."""


def attached_text(attachment: Attachment) -> str:
    """An attachment as a message hands it in."""
    return f"{ATTACHED}{attachment.name}\n{attachment.text}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """How far a run has come.

    Attributes:
        status: `done`, `refused`, `failed` or `cancelled`; or `waiting`, when it goes on only with an answer.
        summary: What the run says it reached; empty while it waits.
        evidence: For each success criterion, what shows that it is met.
        reviews: Questions to people that it, or a run it handed work to, waits for.
        turns: Model calls made.
        tokens: Prompt and completion tokens used.
    """

    run: RunId
    status: str
    summary: str
    evidence: tuple[str, ...]
    reviews: tuple[Review, ...]
    turns: int
    tokens: int


class RunHandle:
    """A run, wherever it is at work. Made by `Baton.submit` and `Baton.open`."""

    def __init__(self, id: RunId, ledger: Ledger, watch: Watch, live: Live | None = None) -> None:
        self.id = id
        self._ledger = ledger
        self._watch = watch
        self._live = live or Live()  # without one there are no models here to be heard

    def __repr__(self) -> str:
        """The run's id."""
        return f"RunHandle({self.id!r})"

    @property
    def notes(self) -> RunNotes:
        """What everybody shares who works on its goal."""
        return RunNotes(self.id, self._ledger, person())

    async def status(self) -> Run:
        """The run as it stands."""
        return await self._ledger.read(lambda tx: runs.get(tx, self.id))

    async def result(self) -> Result:
        """Wait until the run has ended, for days if need be.

        Raises:
            RunFailed: if it failed or was cancelled.
        """
        result = await self._watch.until(partial(_ended, self.id), rest=True)
        if result.status in ("failed", "cancelled"):
            raise RunFailed(self.id, result.summary)
        return result

    async def settled(self) -> Result:
        """Wait until the run has ended, or goes on only with an answer from somebody or with time."""
        return await self._watch.until(partial(_settled, self.id), rest=True)

    async def stands(self) -> Result:
        """How far the run has come, without waiting."""
        return await self._ledger.read(lambda tx: _result(tx, self.id))

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Every event of the run with a number above `after`, as it happens, until the run has ended."""
        while True:
            found = await self._watch.until(partial(_news, self.id, after))
            for event in found:
                yield event
                after = event.seq
            if not found or found[-1].kind == "run.ended":
                return

    async def seen(self) -> dict[RunId, int]:
        """The numbers of the newest events of the run and of those it handed work to, to begin a story behind."""
        return await self._ledger.read(lambda tx: families.numbers(tx, self.id))

    async def story(self, after: Mapping[RunId, int] | None = None, *, to_end: bool = False) -> AsyncGenerator[Moment]:
        """What happens in the run and in those it hands work to, as it happens, until it has settled.

        Args:
            after: What `seen` gave: only what happened since; None begins at the beginning.
            to_end: Whether to go on until the run has ended, rather than until it waits for somebody.
        """
        known = dict(after or {})
        while found := await self._watch.until(partial(_chapter, self.id, known, to_end)):
            for moment in found:
                known[moment.run.id] = moment.event.seq
                yield moment

    async def live(
        self, after: Mapping[RunId, int] | None = None, *, to_end: bool = False
    ) -> AsyncGenerator[Moment | Piece]:
        """The story, and between its events the text of the models as it comes.

        The pieces of a turn come before its event `model.answered`, and none after it. Pieces may be lost, as where
        another process lets the agents of a file work; the event has the whole text, of which what came is the
        beginning. Whoever wants to hear an answer from its first word on says `baton.live.expect()` before they ask.

        Args:
            after: As for `story`.
            to_end: As for `story`.
        """
        with self._live.listen() as ear:
            told = await self._ledger.read(lambda tx: answered(tx, self.id))
            async with contextlib.aclosing(follow(self.story(after, to_end=to_end), ear, told)) as followed:
                async for one in followed:
                    yield one

    async def message(
        self,
        text: str,
        *,
        sender: str | None = None,
        trust: Trust = Trust.USER,
        attachments: Sequence[Attachment] = (),
        urgent: bool = False,
    ) -> None:
        """Say something to the agent.

        Args:
            text: What is said.
            sender: Who says it; None is the person at the keyboard.
            trust: How far it is trusted: as a person's word, or less where a program says it.
            attachments: Texts that it is about, each as far trusted as it says, which is as a stranger's.
            urgent: Whether the turn that is under way is abandoned between two actions, so that this is read at once.

        Raises:
            Busy: if the run is at work and its agent takes no messages meanwhile.
            Conflict: if the run has ended.
        """
        by = sender or person()

        def post(tx: Transaction) -> None:
            said = [(attached_text(one), min(trust, one.trust)) for one in attachments]
            for number, (told, trusted) in enumerate([*said, (text, trust)]):
                mail.post(tx, self.id, "user", sender=by, text=told, trust=trusted, urgent=urgent, follows=number > 0)

        await self._ledger.write(post)

    async def outcome(self, *, wrong: bool, action: str | None = None, by: str | None = None, note: str = "") -> None:
        """Report how an action has come out in the world, for the promise of its class.

        Args:
            wrong: Whether it should have been another one, or none.
            action: Its id; None where the run has one action of a class with a promise.
            by: Who says so; None is the person at the keyboard.
            note: Why.

        Raises:
            InvalidValue: if no such action of the run is of a class with a promise, or it is not clear which is meant.
        """
        await self._ledger.write(
            lambda tx: outcomes.report(tx, self.id, action, wrong=wrong, by=by or person(), note=note)
        )

    async def say(self, text: str) -> list[str]:
        """Say something in a conversation and wait for what the agent answers: its texts, oldest first."""
        before = len(await self.transcript())
        await self.message(text)
        await self.settled()
        return [line.text for line in (await self.transcript())[before:] if line.role == "assistant" and line.text]

    async def transcript(self) -> list[Line]:
        """What the agent has been told and has said."""
        return await self._ledger.read(lambda tx: transcript.read(tx, self.id, transcript.WHOLE))

    async def cancel(self, *, by: str | None = None) -> None:
        """End the run between two actions; what it has done stays done.

        Raises:
            Conflict: if it has ended.
        """
        await self._ledger.write(lambda tx: mail.post(tx, self.id, "cancel", sender=by or person()))


def person() -> str:
    """Who is at the keyboard: the user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def _ended(run: RunId, tx: Transaction) -> Result | Pending:
    status = runs.status(tx, run) or runs.get(tx, run).status  # which says that there is no such run
    return _result(tx, run) if status in ENDED else Pending(frozenset({run}))


def _settled(run: RunId, tx: Transaction) -> Result | Pending | None:
    busy = families.busy(tx, run)
    if busy is not None:
        return Pending(frozenset({busy}))  # before it rests, nothing has settled
    return None if families.overdue(tx, run) else _result(tx, run)  # a time may pass without that any run is told


def _news(run: RunId, after: int, tx: Transaction) -> list[Event] | Pending:
    found = events.of_run(tx, run, after)
    return found if found or runs.get(tx, run).ended else Pending(frozenset({run}))


def _chapter(run: RunId, seen: Mapping[RunId, int], to_end: bool, tx: Transaction) -> list[Moment] | Pending | None:
    """What is new in a run and below; empty if that is all there will be."""
    numbers = families.numbers(tx, run)
    new = [(one, seen.get(one, 0)) for one, number in numbers.items() if number > seen.get(one, 0)]
    fresh = [event for one, after in new for event in events.of_run(tx, one, after)]
    if fresh:
        return moments(tx, sorted(fresh, key=lambda event: event.id))
    if runs.get(tx, run).ended if to_end else families.settled(tx, run):
        return []
    return None if families.overdue(tx, run) else Pending(frozenset(numbers))


def _result(tx: Transaction, id: RunId) -> Result:
    run = runs.get(tx, id)
    turns, tokens = families.used(tx, id)
    return Result(
        run=id,
        status=run.status,
        summary=run.summary,
        evidence=run.evidence,
        reviews=tuple(reviews.waiting_below(tx, id)),
        turns=turns,
        tokens=tokens,
    )
