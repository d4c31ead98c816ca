"""What happened in a run and in the runs it handed work to, with what belongs to each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from baton.core import ActionId, ReviewId, RunId, format_time
from baton.core.resources import places_in_words
from baton.ledger import (
    EffectRecord,
    Event,
    Line,
    Proposal,
    Review,
    Run,
    Transaction,
    Wait,
    audits,
    effects,
    events,
    families,
    journal,
    mail,
    remarks,
    reservations,
    reviews,
    runs,
    stays,
    transcript,
    waits,
)
from baton.ledger.stays import Stay
from baton.review.record import time_json


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One event, and what it is about.

    Attributes:
        run: The run it happened to, as it stands now.
        proposal: The action it is about; None where it is about none.
        effect: How far that action was carried out; None if nobody began to.
        review: The question it is about; None where it is about none.
        text: What a person, an agent or the model said; empty where nothing was said.
    """

    event: Event
    run: Run
    proposal: Proposal | None
    effect: EffectRecord | None
    review: Review | None
    text: str


@dataclass(frozen=True)
class Waiting:
    """What a run goes on with only.

    Attributes:
        reviews: Questions to people, of the run and of the runs it handed work to.
        until: When the next time it waits for comes, in seconds since 1970; None if it waits for none.
        events: What it waits for to happen outside.
        queued: Resources that it waits for, in words, with how many are before it.
        held_up: Actions that take effect later.
    """

    reviews: tuple[Review, ...]
    until: float | None
    events: tuple[Wait, ...]
    queued: tuple[str, ...] = ()
    held_up: tuple[Stay, ...] = ()

    @property
    def other(self) -> list[str]:
        """What is waited for but people, times and events, in words."""
        later = [f"until {format_time(one.until)}, when {one.tool} takes effect" for one in self.held_up]
        return [*(f"for {one}" for one in self.queued), *later]


def top(tx: Transaction, run: RunId) -> Run:
    """The run at the top of those that handed work down to this one."""
    known = runs.get(tx, run)
    return top(tx, known.parent) if known.parent else known


def waiting(tx: Transaction, run: RunId) -> Waiting:
    """What a run waits for."""
    awaited = waits.pending_below(tx, run)
    due = [families.next_time(tx, run), *(wait.until for wait in awaited)]
    until = min((time for time in due if time is not None), default=None)
    waits_for = reservations.waiting_below(tx, run)
    queued = [f"{places_in_words(one.tokens)}, behind {reservations.ahead(tx, one)}" for one in waits_for]
    return Waiting(
        tuple(reviews.waiting_below(tx, run)), until, tuple(awaited), tuple(queued), tuple(stays.of_run_below(tx, run))
    )


def told(tx: Transaction, run: RunId) -> list[Moment]:
    """All that happened in a run, oldest first."""
    return moments(tx, events.of_run(tx, run, limit=100_000))


def moments(tx: Transaction, happened: Sequence[Event]) -> list[Moment]:
    """Events with what belongs to them, in one look at the ledger."""
    lookup = _Lookup(tx)
    return [lookup.moment(event) for event in happened]


def moment_json(moment: Moment) -> dict[str, Any]:
    """An event with what belongs to it."""
    event, proposal, effect = moment.event, moment.proposal, moment.effect
    return {
        "at": time_json(event.at),
        "run": event.run,
        "agent": moment.run.agent,
        "seq": event.seq,
        "kind": event.kind,
        "data": dict(event.data),
        "text": moment.text or None,
        "tool": proposal.action.tool if proposal else None,
        "arguments": proposal.action.arguments if proposal else None,
        "confidence": proposal.action.confidence if proposal else None,
        "effect": effect.state.value if effect else None,
        "result": effect.result if effect and event.kind.startswith("effect.") else None,
    }


class _Lookup:
    """Finds what events are about, each run's rows read once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._runs: dict[RunId, Run] = {}
        self._said: dict[RunId, dict[int, str]] = {}
        self._mail: dict[RunId, dict[str, str]] = {}

    def moment(self, event: Event) -> Moment:
        action, review = event.data.get("action"), event.data.get("review")
        return Moment(
            event=event,
            run=self._run(event.run),
            proposal=journal.find(self._tx, ActionId(action)) if action else None,
            effect=effects.get(self._tx, ActionId(action)) if action else None,
            review=reviews.if_put(self._tx, ReviewId(review)) if review else None,
            text=self._text(event),
        )

    def _run(self, run: RunId) -> Run:
        if run not in self._runs:
            self._runs[run] = runs.get(self._tx, run)
        return self._runs[run]

    def _text(self, event: Event) -> str:
        if event.kind == "model.answered":
            if event.run not in self._said:
                self._said[event.run] = _answers(transcript.read(self._tx, event.run, transcript.WHOLE))
            return self._said[event.run].get(event.data["turn"], "")
        if event.kind.startswith("message."):
            if event.run not in self._mail:
                self._mail[event.run] = {message.id: message.text for message in mail.unread(self._tx, event.run, 0)}
            return self._mail[event.run].get(event.data["message"], "")
        match event.kind:
            case "audit.closed":
                return audits.get(self._tx, event.data["audit"]).note
            case "outcome.reported":
                return str(event.data["note"])
            case "review.comment" | "review.question" | "review.answer":
                said = remarks.of(self._tx, event.data["review"])
                return next((remark.text for remark in said if remark.id == event.data["remark"]), "")
            case "run.ended":
                return self._run(event.run).summary
            case _:
                return ""


def _answers(lines: Sequence[Line]) -> dict[int, str]:
    """What the model said, by turn."""
    return {line.turn: line.text for line in lines if line.role == "assistant"}
