"""The durable mailbox of a run: whatever reaches it, in order, consumed once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, exists, insert, select, update

from baton.core import (
    BodyId,
    Busy,
    Confidentiality,
    Conflict,
    MailboxFull,
    MessageId,
    NotFound,
    RunId,
    Trust,
    random_id,
)
from baton.ledger import bodies, texting
from baton.ledger.events import emit, emit_numbered
from baton.ledger.runs import ENDED, lock, wake
from baton.ledger.schema import messages, runs
from baton.ledger.transaction import Transaction

MOST_UNREAD = 1000
"""Messages of people and programs that a run may have unread; what Baton itself tells it is never refused."""

MessageKind = Literal["user", "decision", "question", "handoff", "timer", "event", "cancel", "go", "notice"]


@dataclass(frozen=True, kw_only=True)
class Message:
    """Something that reached a run.

    Attributes:
        seq: Its place in the order; the mailbox's cursor is the last one read.
        sender: A person, or `baton` for its own notices.
        text: What it says; empty where `ref` says all.
        ref: What it is about: a review's, a child run's or an action's id.
        trust: Of the text.
        confidentiality: Of the text.
    """

    seq: int
    id: MessageId
    kind: MessageKind
    sender: str
    body: BodyId | None
    text: str
    ref: str | None
    trust: Trust
    confidentiality: Confidentiality
    at: float


def post(
    tx: Transaction,
    run: RunId,
    kind: MessageKind,
    *,
    sender: str,
    text: str = "",
    body: BodyId | None = None,
    ref: str | None = None,
    trust: Trust = Trust.SYSTEM,
    confidentiality: Confidentiality = Confidentiality.INTERNAL,
    id: MessageId | None = None,
    urgent: bool = False,
    follows: bool = False,
) -> MessageId:
    """Put a message into a run's mailbox and wake the run; a message whose id is known changes nothing.

    Its text is stored, or stands in `body` already. An `urgent` one is read before anything else is done; one that
    `follows` belongs to the one before, and comes with it.

    Raises:
        NotFound: if there is no such run.
        Conflict: if the run has ended: nobody would read it.
        Busy: if the run is at work and its agent takes no message of people and programs meanwhile.
        MailboxFull: if it has more of people and programs unread than it may.
    """
    status = lock(tx, run)  # nobody ends the run, and no other message gets a number, until this one is in
    if id is not None and tx.value(_KNOWN, message=id):
        return id
    if status is None:
        raise NotFound("run", run)
    if status in ENDED:
        raise Conflict(f"message to {run}", f"it has ended ({status})", "Start a new run in the same conversation.")
    if kind == "user" and tx.value(_BEHIND_BY, run=run) >= MOST_UNREAD:
        raise MailboxFull(run, MOST_UNREAD)
    if kind == "user" and not follows and (agent := texting.rejects(tx, run)) is not None:
        raise Busy(run, agent)
    id = id or MessageId(random_id("msg"))
    body = bodies.store(tx, text) if text else body
    row = {"id": id, "run": run, "kind": kind, "sender": sender, "body": body, "ref": ref, "urgent": int(urgent)}
    tx.execute(_POST, row | {"trust": int(trust), "confidentiality": int(confidentiality), "at": tx.now})
    wake(tx, run, at_once=kind == "cancel")
    emit(tx, run, f"message.{kind}", message=id, sender=sender, ref=ref)
    return id


def recipient(tx: Transaction, id: MessageId) -> RunId | None:
    """The run that has this message; None if nobody has."""
    run: str | None = tx.value(_RECIPIENT, message=id)
    return None if run is None else RunId(run)


def post_all(tx: Transaction, kind: MessageKind, texts: Mapping[RunId, str]) -> None:
    """Put a notice of Baton's own into the mailboxes of many runs, one each, in order, in a handful of statements.

    Runs that have ended, or are not there, are passed over.
    """
    numbers = {RunId(row.id): row.events for row in tx.rows(_WAKE_ALL, ids=list(texts))}
    stored = {text: bodies.store(tx, text) for text in {texts[run]: None for run in numbers}}
    ids = {run: random_id("msg") for run in texts if run in numbers}
    label = {"trust": int(Trust.SYSTEM), "confidentiality": int(Confidentiality.INTERNAL)}
    common = {"kind": kind, "sender": "baton", "ref": None, "at": tx.now, "urgent": 0} | label
    tx.execute(_POST, [common | {"id": ids[run], "run": run, "body": stored[texts[run]]} for run in ids])
    data = {run: {"message": ids[run], "sender": "baton", "ref": None} for run in ids}
    emit_numbered(tx, f"message.{kind}", [(run, numbers[run], data[run]) for run in ids])
    tx.woken.update(ids)


_WAKE_ALL = (
    update(runs)
    .where(runs.c.id.in_(bindparam("ids", expanding=True)), runs.c.status.not_in(ENDED))
    .values(wake=runs.c.wake + 1, events=runs.c.events + 1)
    .returning(runs.c.id, runs.c.events)
)
_BEHIND = (messages.c.run == bindparam("run"), messages.c.seq > bindparam("cursor"))
_UNREAD = select(messages).where(*_BEHIND).order_by(messages.c.seq)
_HAS_UNREAD = select(exists().where(*_BEHIND))
_CANCELLED = select(exists().where(*_BEHIND, messages.c.kind == "cancel"))
_BEHIND_BY = select(runs.c.wake - runs.c.seen).where(runs.c.id == bindparam("run"))
_KNOWN = select(exists().where(messages.c.id == bindparam("message")))
_RECIPIENT = select(messages.c.run).where(messages.c.id == bindparam("message"))
_POST = insert(messages)


def unread(tx: Transaction, run: RunId, cursor: int) -> list[Message]:
    """Messages behind the cursor, oldest first."""
    rows = tx.rows(_UNREAD, run=run, cursor=cursor)
    texts = bodies.load(tx, [row.body for row in rows])
    return [
        Message(
            seq=row.seq,
            id=row.id,
            kind=row.kind,
            sender=row.sender,
            body=row.body,
            text=texts[row.body] if row.body else "",
            ref=row.ref,
            trust=Trust(row.trust),
            confidentiality=Confidentiality(row.confidentiality),
            at=row.at,
        )
        for row in rows
    ]


def cancelled(tx: Transaction, run: RunId, cursor: int) -> bool:
    """Whether somebody has asked, behind the cursor, that the run end."""
    return bool(tx.value(_CANCELLED, run=run, cursor=cursor))


def has_unread(tx: Transaction, run: RunId, cursor: int) -> bool:
    """Whether there is mail behind the cursor."""
    return bool(tx.value(_HAS_UNREAD, run=run, cursor=cursor))
