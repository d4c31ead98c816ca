"""Conversations: begun with what was said, gone on with, and continued in a new run where the last one has ended."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from baton.core import Budget, Goal, MessageId, RunId, Trust
from baton.graph import fork
from baton.ledger import Run, Transaction, events, mail, runs, transcript


@dataclass(frozen=True, kw_only=True)
class Said:
    """Something said to an agent.

    Attributes:
        text: What.
        sender: Who says it.
        trust: How far it is trusted.
        key: What tells it from the same said again; None where it is always new.
        ref: What the sender calls it; None where it has no name.
    """

    text: str
    sender: str
    trust: Trust = Trust.USER
    key: str | None = None
    ref: str | None = None


def conversation_goal(agent: str, previous: Run | None = None) -> Goal:
    """The goal of a conversation: there is none but to answer, for as long as somebody asks."""
    follows = f", following {previous.id}" if previous else ""
    return Goal(f"Conversation with {agent}{follows}", budget=Budget(turns=None), conversation=True)


def begin(
    tx: Transaction,
    agent: str,
    said: Sequence[Said],
    *,
    requester: str,
    trust: Trust,
    tenant: str,
    follow: RunId | None = None,
    key: str | None = None,
) -> RunId:
    """Record a new conversation and what is said in it first; with a `key` that is known, find that one instead."""
    previous = runs.get(tx, follow) if follow else None
    goal = replace(conversation_goal(agent, previous), requester=requester)
    talk = previous.conversation if previous else None
    run, new = runs.create(tx, goal, agent, conversation=talk, key=key, trust=trust, tenant=tenant)
    if new:
        _post(tx, run, said, follows=True)
    return run


def go_on(tx: Transaction, run: RunId, said: Sequence[Said], *, by: str, urgent: bool = False) -> RunId:
    """Say something in a run; one that has ended goes on as a new run, which knows all that was said.

    What is `urgent` is read before anything else is done.

    Returns:
        The run that hears it.
    """
    runs.lock(tx, run)
    known = runs.get(tx, run)
    heard = _heard(tx, known, said)
    if heard is not None:
        return heard
    if known.ended:
        last = max(
            (line.turn for line in transcript.read(tx, run, transcript.WHOLE) if line.role == "assistant"), default=0
        )
        run = fork(tx, run, last, live=True, by=by)
    _post(tx, run, said, urgent=urgent)
    return run


def before(tx: Transaction, run: RunId, said: Sequence[Said]) -> int:
    """The number of the event before a run got what was said, with keys; the newest where it was not."""
    talk = runs.get(tx, run)
    ids = {_id(talk.conversation, one) for one in said if one.key is not None}
    found = (one.seq for one in events.of_run(tx, run, limit=100_000) if one.data.get("message") in ids)
    return min(found, default=talk.events + 1) - 1


def _heard(tx: Transaction, run: Run, said: Sequence[Said]) -> RunId | None:
    """Who has heard all of this already; None if some of it is new."""
    ids = [_id(run.conversation, one) for one in said]
    found = [mail.recipient(tx, id) if id else None for id in ids]
    return found[-1] if found and None not in found else None


def _post(tx: Transaction, run: RunId, said: Sequence[Said], *, urgent: bool = False, follows: bool = False) -> None:
    talk = runs.get(tx, run).conversation
    for number, one in enumerate(said):
        mail.post(
            tx,
            run,
            "user",
            sender=one.sender,
            text=one.text,
            ref=one.ref,
            trust=one.trust,
            id=_id(talk, one),
            urgent=urgent,
            follows=follows or number > 0,
        )


def _id(conversation: str, said: Said) -> MessageId | None:
    """The same for the same thing said again in a conversation."""
    if said.key is None:
        return None
    return MessageId(f"msg_{hashlib.sha256(f'{conversation} {said.key}'.encode()).hexdigest()[:32]}")
