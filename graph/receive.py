"""Reading the mail: what reached a run becomes lines of its transcript and actions to carry out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from baton.core import ActionId, ReviewId, RunId, Trust, format_time
from baton.ledger import Decision, DecisionKind, Line, Message, Review, ReviewKind, Source, Transaction, reviews
from baton.ledger import mail as mailbox


@dataclass
class News:
    """What the mail said.

    Attributes:
        cursor: The last message read.
        lines: What the model is told.
        todo: Actions that were approved, or that were held up and may go ahead now, in that order.
        cancelled_by: Who cancelled the run; None if nobody did.
        stopped: What a person said who stopped the run after trouble; None if nobody did.
        granted: Whether a person let the run go on after trouble.
    """

    cursor: int
    lines: list[Line] = field(default_factory=list[Line])
    todo: list[ActionId] = field(default_factory=list[ActionId])
    cancelled_by: str | None = None
    stopped: str | None = None
    granted: bool = False


def receive(mail: Sequence[Message], reviews: Mapping[ReviewId, Review], cursor: int, turn: int) -> News:
    """Read messages in order.

    Args:
        mail: Messages behind the cursor.
        reviews: Those that decisions in the mail are about.
        cursor: The last message read so far.
        turn: The turn that will read this, from 1.
    """
    news = News(cursor)
    for message in mail:
        news.cursor = message.seq
        match message.kind:
            case "user":
                news.lines.append(_line("user", message, turn))
            case "decision":
                review = reviews[ReviewId(message.ref or "")]
                if review.decision is not None:
                    _decided(news, review, review.decision, turn)
            case "question":
                news.lines.append(_asked(message, turn))
            case "timer":
                news.lines.append(_notice(message.text, turn, None, Trust.SYSTEM))
            case "handoff" | "event" | "notice":
                news.lines.append(_line("notice", message, turn))
            case "go":
                news.todo.append(ActionId(message.ref or ""))
            case "cancel":
                news.cancelled_by = message.sender
    return news


def one_turn(mail: list[Message], *, resting: bool) -> list[Message]:
    """The part of the mail that belongs to a turn, where each message of people and programs has its own.

    While a turn is under way it goes up to the next such message; at its beginning through it, with what was said in
    the same breath. A cancel is never kept waiting.

    Args:
        mail: Messages behind the cursor.
        resting: Whether a turn begins.
    """
    said = [message for message in mail if message.kind == "user"]
    if not said or any(message.kind == "cancel" for message in mail):
        return mail
    first = said[0]
    if not resting:
        return [message for message in mail if message.seq < first.seq]
    together = [message.seq for message in said if (message.sender, message.at) == (first.sender, first.at)]
    return [message for message in mail if message.seq <= together[-1]]


def unread(tx: Transaction, run: RunId, cursor: int) -> tuple[list[Message], Mapping[ReviewId, Review]]:
    """The messages behind the cursor, and the reviews that decisions among them are about."""
    mail = mailbox.unread(tx, run, cursor)
    asked = {ReviewId(message.ref) for message in mail if message.kind == "decision" and message.ref}
    return mail, {review: reviews.get(tx, review) for review in asked}


def called_off(tx: Transaction, run: RunId, cursor: int) -> bool:
    """Whether mail behind the cursor cancels the run, or says that a person has stopped it after trouble."""
    mail, asked = unread(tx, run, cursor)
    news = receive(mail, asked, cursor, 0)
    return news.cancelled_by is not None or news.stopped is not None


def _decided(news: News, review: Review, decision: Decision, turn: int) -> None:
    granted = decision.kind in (DecisionKind.APPROVE, DecisionKind.EDIT)
    if review.kind in (ReviewKind.ACTION, ReviewKind.DOUBT) and review.action is not None:
        told = review.kind is ReviewKind.DOUBT and decision.kind is DecisionKind.RESPOND
        if granted or told:
            news.todo.append(review.action)
            return
    if review.kind is ReviewKind.TROUBLE:
        news.granted = news.granted or granted or decision.kind is DecisionKind.RESPOND
        if decision.kind in (DecisionKind.REJECT, DecisionKind.EXPIRED):
            news.stopped = f"stopped by {decision.by}: {decision.note or review.question['summary']}"
            return
    news.lines.append(_notice(outcome_text(review, decision), turn, review.id, _trust(decision)))


def outcome_text(review: Review, decision: Decision) -> str:
    """How an agent is told of a decision."""
    match decision.kind:
        case DecisionKind.APPROVE if decision.source is Source.TIMEOUT:
            what = "approved, as nobody answered in time"
        case DecisionKind.EXPIRED:
            what = f"expired unanswered at {format_time(decision.at)}; it counts as no"
        case DecisionKind.WITHDRAWN:
            what = "withdrawn"
        case DecisionKind.RESPOND:
            what = f"answered by {decision.by}"
        case _:
            what = f"{_DONE[decision.kind]} by {decision.by}"
    if review.kind is ReviewKind.DOUBT:
        return _left_in_doubt(review, decision, what)
    about = f" {review.tool}" if review.kind is ReviewKind.ACTION else ""
    return f"[review {review.id}{about} {what}] {decision.note}".rstrip()


def _left_in_doubt(review: Review, decision: Decision, what: str) -> str:
    """Nobody has said whether it happened: that must not read as if it had not."""
    if decision.kind is DecisionKind.REJECT:
        what = f"stopped by {decision.by}"
    told = f"[review {review.id} {review.tool} {what}] It is not run again; nobody knows whether it happened."
    return f"{told} {decision.note}".rstrip()


def handoff_text(agent: str, outcome: str, summary: str, answer: Mapping[str, Any] | None = None) -> str:
    """How an agent is told that handed-over work came back."""
    said = {"outcome": outcome, "summary": summary} | ({} if answer is None else {"answer": dict(answer)})
    return f"[hand-off to {agent} returned] {json.dumps(said, ensure_ascii=False)}"


_DONE = {DecisionKind.APPROVE: "approved", DecisionKind.EDIT: "approved with changes", DecisionKind.REJECT: "rejected"}


def _trust(decision: Decision) -> Trust:
    return Trust.SYSTEM if decision.by == "baton" else Trust.USER


def _asked(message: Message, turn: int) -> Line:
    """What a person wants to know about a question before they decide it."""
    how = "Answer with `answer_reviewer`, or take the question back with `withdraw_question`; it stays open."
    text = f"[review {message.ref}: {message.sender} asks] {message.text}\n{how}"
    return _notice(text, turn, message.ref, Trust.USER)


def _line(role: Literal["user", "notice"], message: Message, turn: int) -> Line:
    """What a message says, labelled as it is."""
    return Line(
        role=role,
        turn=turn,
        text=message.text,
        ref=message.ref,
        trust=message.trust,
        confidentiality=message.confidentiality,
        body=message.body,
    )


def _notice(text: str, turn: int, ref: str | None, trust: Trust) -> Line:
    return Line(role="notice", turn=turn, text=text, ref=ref, trust=trust)


def still_asked(
    mail: Sequence[Message], decided: Mapping[ReviewId, Review], every: Sequence[Review], turn: int
) -> Line | None:
    """What else the agent has asked, where a no or a new message may mean that it no longer matters; else None.

    Args:
        mail: What has just come.
        decided: The reviews that decisions in it are about.
        every: All reviews of the run.
        turn: The turn that will read this, from 1.
    """
    no = any(one.decision is not None and one.decision.kind is DecisionKind.REJECT for one in decided.values())
    if turn == 1 or not (no or any(message.kind == "user" for message in mail)):
        return None
    kinds = (ReviewKind.ACTION, ReviewKind.QUESTION)
    left = [one for one in every if one.open and one.held is None and one.kind in kinds and one.id not in decided]
    if not left:
        return None
    told = "; ".join(f"{one.id}: {one.question['summary']}" for one in left)
    return _notice(
        f"[you still ask: {told}] Take back with `withdraw_question` what no longer matters.", turn, None, Trust.AGENT
    )
