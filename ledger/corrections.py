"""What people have corrected: actions that they changed, rejected, or found wrong when they looked back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, literal, null, select

from baton.core import LOCAL_TENANT, ActionId, Confidentiality, RunId
from baton.ledger import bodies
from baton.ledger.schema import actions, runs
from baton.ledger.schema_people import audits, decisions, reviews
from baton.ledger.transaction import Transaction

How = Literal["changed", "rejected", "found wrong"]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One correction.

    Attributes:
        tenant: Whose run it was.
        kind: The class of the action.
        arguments: As they were proposed.
        instead: As a person changed them; None where it should not have been done.
        by: The person.
        note: Why; may be empty.
        source: The review or audit that it comes from.
        confidentiality: The highest of the action's arguments.
        at: Seconds since 1970.
    """

    action: ActionId
    tenant: str
    run: RunId
    agent: str
    tool: str
    kind: str
    how: How
    arguments: Mapping[str, Any]
    instead: Mapping[str, Any] | None
    by: str
    note: str
    source: str
    confidentiality: Confidentiality
    at: float


def listed(tx: Transaction, agent: str, kind: str | None = None, since: float = 0.0) -> list[Correction]:
    """An agent's corrections, of one class or of all, oldest first."""
    rows = [row for query in (_DECIDED, _AUDITED) for row in tx.rows(query, agent=agent, since=since)]
    notes = bodies.load(tx, [row.note for row in rows if row.note])
    found = [_correction(row, notes[row.note] if row.note else "") for row in rows]
    fits = [one for one in found if kind in (None, one.kind) and one.instead != one.arguments]
    return sorted(fits, key=lambda one: (one.at, one.action))


def tenant_of(tx: Transaction, source: str) -> str:
    """Whose run it was that a review or audit is about; `local` where it is not there any more."""
    return next((found for query in _TENANTS for found in tx.values(query, source=source)), LOCAL_TENANT)


def _correction(row: Any, note: str) -> Correction:
    labels: Mapping[str, Mapping[str, Any]] = json.loads(row.verdict)["evidence"].get("arguments") or {}
    secrecy = [Confidentiality[label["confidentiality"].upper()] for label in labels.values()]
    how: Mapping[str, How] = {"edit": "changed", "reject": "rejected"}
    return Correction(
        action=row.action,
        tenant=row.tenant,
        run=row.run,
        agent=row.agent,
        tool=row.tool,
        kind=row.kind,
        how=how.get(row.how, "found wrong"),
        arguments=json.loads(row.arguments),
        instead=json.loads(row.instead) if row.instead else None,
        by=row.by,
        note=note,
        source=row.source,
        confidentiality=max(secrecy, default=Confidentiality.INTERNAL),
        at=row.at,
    )


def _told(source: Any, said: Any) -> Any:
    return (
        select(
            source.c.id.label("source"),
            source.c.action,
            source.c.run,
            source.c.agent,
            source.c.tool,
            source.c["class"].label("kind"),
            actions.c.arguments,
            actions.c.verdict,
            said.c.by,
            said.c.note,
            said.c.at,
            runs.c.tenant,
        )
        .join_from(source, actions, actions.c.id == source.c.action)
        .join(runs, runs.c.id == source.c.run)
    )


_DECIDED = (
    _told(reviews, decisions)
    .add_columns(decisions.c.kind.label("how"), decisions.c.arguments.label("instead"))
    .join(decisions, decisions.c.id == reviews.c.decision)
    .where(
        reviews.c.agent == bindparam("agent"),
        reviews.c.kind == "action",
        decisions.c.kind.in_(("edit", "reject")),
        reviews.c.state == "closed",
        decisions.c.source == "person",
        decisions.c.at > bindparam("since"),
    )
)
_AUDITED = (
    _told(audits, audits)
    .add_columns(literal("audit").label("how"), null().label("instead"))
    .where(
        audits.c.agent == bindparam("agent"),
        audits.c.wrong == 1,
        audits.c.look == 1,
        audits.c.at > bindparam("since"),
    )
)
_TENANTS = tuple(
    select(runs.c.tenant).join_from(runs, source, source.c.run == runs.c.id).where(source.c.id == bindparam("source"))
    for source in (reviews, audits)
)
