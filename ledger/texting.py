"""Messages that come while a run is at work: which agents take none then; and what reached a run that had ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, func, insert, or_, select, update

from baton.core import BodyId, RunId, Trust, random_id
from baton.ledger import bodies
from baton.ledger.schema import messages, runs
from baton.ledger.schema_texting import texting, undelivered
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Undelivered:
    """Something that nobody could read any more: the run that it was for had ended.

    Attributes:
        kind: What sort of message it is.
        ref: What it is about; None where nothing is named.
        why: Why it was not delivered.
        at: Seconds since 1970.
    """

    id: str
    run: RunId
    kind: str
    sender: str
    ref: str | None
    text: str
    trust: Trust
    why: str
    at: float


def known(tx: Transaction) -> dict[str, str]:
    """What is kept of agents, by name: what becomes of a message that comes while they are at work."""
    return {row.agent: row.how for row in tx.rows(_KNOWN)}


def keep(tx: Transaction, agents: Mapping[str, str]) -> None:
    """Keep it for these agents, so that whoever posts a message goes by it."""
    for agent, how in agents.items():
        if not tx.changed(_CHANGE, which=agent, new=how):
            tx.execute(_ADD, {"agent": agent, "how": how})


def rejects(tx: Transaction, run: RunId) -> str | None:
    """The agent of a run that is at work and takes no messages meanwhile; None where a message may come."""
    agent: str | None = tx.value(_REJECTS, run=run, now=tx.now)
    return agent


def interrupted(tx: Transaction, run: RunId, cursor: int, *, any_message: bool) -> bool:
    """Whether a message behind the cursor is to be read before anything else is done.

    Args:
        tx: The transaction.
        run: The run.
        cursor: The last message that it has read.
        any_message: Whether every message of a person or program is one; else those alone that say so themselves.
    """
    return bool(tx.value(_ANY if any_message else _URGENT, run=run, cursor=cursor))


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest message of a person or program to a run; `urgent`: the newest that says itself to be so, or 0."""

    any: int
    urgent: int


def newest(tx: Transaction, cursors: Mapping[RunId, int]) -> dict[RunId, Newest]:
    """Of these runs, those to which something was written that may be behind their cursors.

    Args:
        tx: The transaction.
        cursors: The last message that each has read.
    """
    found: dict[RunId, Newest] = {}
    asked = list(cursors)
    for at in range(0, len(asked), _AT_ONCE):
        some = asked[at : at + _AT_ONCE]
        for row in tx.rows(_NEWEST, runs=some, floor=min(cursors[run] for run in some)):
            found[RunId(row.run)] = Newest(any=row.newest, urgent=row.newest_urgent)
    return found


def set_aside(
    tx: Transaction, run: RunId, kind: str, *, sender: str, text: str, ref: str | None, trust: Trust, why: str
) -> None:
    """Keep what could not be delivered, so that somebody finds it."""
    row = {"id": random_id("und"), "run": run, "kind": kind, "sender": sender, "ref": ref}
    body = bodies.store(tx, text)
    tx.execute(_SET_ASIDE, row | {"body": body, "trust": int(trust), "why": why, "at": tx.now})


def listed(tx: Transaction, limit: int = 200) -> list[Undelivered]:
    """What could not be delivered, the newest first."""
    rows = tx.rows(_LISTED if tx.tenant is None else _LISTED_WITHIN, most=limit, **_whose(tx))
    texts = bodies.load(tx, [BodyId(row.body) for row in rows])
    return [
        Undelivered(
            id=row.id,
            run=RunId(row.run),
            kind=row.kind,
            sender=row.sender,
            ref=row.ref,
            text=texts[BodyId(row.body)],
            trust=Trust(row.trust),
            why=row.why,
            at=row.at,
        )
        for row in rows
    ]


def _whose(tx: Transaction) -> dict[str, Any]:
    return {} if tx.tenant is None else {"whose": tx.tenant}


_KNOWN = select(texting)
_CHANGE = update(texting).where(texting.c.agent == bindparam("which")).values(how=bindparam("new"))
_ADD = insert(texting)
_REJECTS = (
    select(runs.c.agent)
    .join(texting, texting.c.agent == runs.c.agent)
    .where(
        runs.c.id == bindparam("run"),
        texting.c.how == "reject",
        runs.c.epoch > 0,
        or_(runs.c.wake > runs.c.seen, and_(runs.c.lease_owner.is_not(None), runs.c.lease_until > bindparam("now"))),
    )
)
_BEHIND = (messages.c.run == bindparam("run"), messages.c.seq > bindparam("cursor"), messages.c.kind == "user")
_ANY = select(exists().where(*_BEHIND))
_URGENT = select(exists().where(*_BEHIND, messages.c.urgent == 1))
_AT_ONCE = 500
_NEWEST = (
    select(
        messages.c.run,
        func.max(messages.c.seq).label("newest"),
        func.max(case((messages.c.urgent == 1, messages.c.seq), else_=0)).label("newest_urgent"),
    )
    .where(
        messages.c.run.in_(bindparam("runs", expanding=True)),
        messages.c.seq > bindparam("floor"),
        messages.c.kind == "user",
    )
    .group_by(messages.c.run)
)
_SET_ASIDE = insert(undelivered)
_LISTED = select(undelivered).order_by(undelivered.c.at.desc(), undelivered.c.id).limit(bindparam("most"))
_LISTED_WITHIN = _LISTED.where(undelivered.c.run.in_(select(runs.c.id).where(runs.c.tenant == bindparam("whose"))))
