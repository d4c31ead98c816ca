"""Looking back at actions that ran alone: was this right? Chosen by a coin that was tossed before anybody knew."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, update

from baton.core import ActionId, Ambiguous, Conflict, NotFound, RunId, dump, format_time, random_id
from baton.ledger import bodies
from baton.ledger.events import emit
from baton.ledger.runs import of_tenant
from baton.ledger.schema import runs
from baton.ledger.schema_people import audits
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Audit:
    """An action that is looked at afterwards.

    Attributes:
        look: 1; 2 where another person looks at it as well, 3 where a third one does because those two disagree.
        kind: The class of action.
        question: What ran: its `arguments`, `reason`, `confidence` and `result`.
        state: `open` or `closed`.
        wrong: What was said of it; None while nobody has.
        by: Who said so.
        at: When, in seconds since 1970.
    """

    id: str
    action: ActionId
    look: int
    run: RunId
    agent: str
    tool: str
    kind: str
    question: Mapping[str, Any]
    state: str
    opened_at: float
    wrong: bool | None
    by: str | None
    note: str
    at: float | None


def open_(
    tx: Transaction,
    action: ActionId,
    *,
    look: int,
    run: RunId,
    agent: str,
    tool: str,
    kind: str,
    question: Mapping[str, Any],
) -> str | None:
    """Ask people to look at an action; the audit's id, None where they are asked already."""
    if tx.row(_OF_ACTION, action=action, look=look) is not None:
        return None
    id = random_id("aud")
    row = {"id": id, "action": action, "look": look, "run": run, "agent": agent, "tool": tool, "class": kind}
    body = bodies.store(tx, dump(dict(question)))
    tx.execute(insert(audits).values({**row, "question": body, "state": "open", "opened_at": tx.now}))
    emit(tx, run, "audit.opened", audit=id, action=action, tool=tool, look=look)
    return id


def answer(tx: Transaction, audit: Audit, *, wrong: bool, by: str, note: str) -> None:
    """Record what somebody says of it.

    Raises:
        Conflict: if somebody else was first.
    """
    body = bodies.store(tx, note) if note else None
    if not tx.changed(_ANSWER, audit=audit.id, said=int(wrong), who=by, words=body, when=tx.now):
        known = get(tx, audit.id)
        raise Conflict(f"audit {audit.id}", f"{known.by} answered it at {format_time(known.at or 0)}")
    emit(tx, audit.run, "audit.closed", audit=audit.id, action=audit.action, wrong=wrong, by=by)


def get(tx: Transaction, prefix: str) -> Audit:
    """The audit with this id or beginning of an id.

    Raises:
        NotFound, Ambiguous: if none or several fit.
    """
    start = prefix if prefix.startswith("aud_") else f"aud_{prefix}"
    rows = tx.rows(_seen(tx, select(*_COLUMNS).where(audits.c.id.startswith(start, autoescape=True)).limit(5)))
    if not rows:
        raise NotFound("audit", prefix, hint="`baton review` lists what waits.")
    if len(rows) > 1:
        raise Ambiguous("audit", prefix, [row.id for row in rows])
    return _audits(tx, rows)[0]


def waiting(tx: Transaction) -> list[Audit]:
    """What nobody has looked at yet, the oldest first."""
    return _audits(tx, tx.rows(_seen(tx, _WAITING)))


def of_action(tx: Transaction, action: ActionId, look: int) -> Audit | None:
    """What is asked of an action, at the first, second or third look."""
    found = _audits(tx, tx.rows(_OF_ACTION, action=action, look=look))
    return found[0] if found else None


def last_answer(tx: Transaction, agent: str, kind: str) -> float | None:
    """When somebody last answered one of a class, in seconds since 1970; None for never."""
    at: float | None = tx.value(_LAST_ANSWER, agent=agent, kind=kind)
    return at


def lookers(tx: Transaction, action: ActionId) -> tuple[str, ...]:
    """Who has answered for an action, in order."""
    return tuple(tx.values(_LOOKERS, action=action))


def looked_again(tx: Transaction, agent: str, kind: str) -> list[list[bool]]:
    """Of each action of a class that several people have looked at, whether each of them found it wrong, in order."""
    said: dict[str, list[bool]] = {}
    for row in tx.rows(_ANSWERED, agent=agent, kind=kind):
        said.setdefault(row.action, []).append(bool(row.wrong))
    return [looks for looks in said.values() if len(looks) > 1]


_COLUMNS = (audits.c["class"].label("kind"), *(column for column in audits.c if column.name != "class"))
_WAITING = select(*_COLUMNS).where(audits.c.state == "open").order_by(audits.c.opened_at, audits.c.id)
_OF_ACTION = select(*_COLUMNS).where(audits.c.action == bindparam("action"), audits.c.look == bindparam("look"))
_CLOSED = (audits.c.agent == bindparam("agent"), audits.c["class"] == bindparam("kind"), audits.c.state == "closed")
_ANSWERED = select(audits.c.action, audits.c.wrong).where(*_CLOSED).order_by(audits.c.action, audits.c.look)
_LOOKERS = (
    select(audits.c.by)
    .where(audits.c.action == bindparam("action"), audits.c.state == "closed")
    .order_by(audits.c.look)
)
_LAST_ANSWER = select(func.max(audits.c.at)).where(*_CLOSED)
_ANSWER = (
    update(audits)
    .where(audits.c.id == bindparam("audit"), audits.c.state == "open")
    .values(state="closed", wrong=bindparam("said"), by=bindparam("who"), note=bindparam("words"), at=bindparam("when"))
)


def _seen(tx: Transaction, query: Select[Any]) -> Select[Any]:
    """A query on audits, for those whose runs the transaction sees."""
    return query if tx.tenant is None else query.where(audits.c.run.in_(of_tenant(tx, select(runs.c.id))))


def _audits(tx: Transaction, rows: list[Any]) -> list[Audit]:
    texts = bodies.load(tx, [row.question for row in rows] + [row.note for row in rows if row.note])
    return [
        Audit(
            **row._asdict()
            | {
                "question": json.loads(texts[row.question]),
                "note": texts[row.note] if row.note else "",
                "wrong": None if row.wrong is None else bool(row.wrong),
            }
        )
        for row in rows
    ]
