"""Rules and instructions that are proposed for an agent, and what its owner said."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, insert, or_, select, update

from baton.core import Ambiguous, Conflict, NotFound, ReviewId, dump, format_time, random_id
from baton.ledger.schema import rule_proposals as table
from baton.ledger.transaction import Transaction

State = Literal["open", "accepted", "declined"]
Kind = Literal["rule", "instruction"]


@dataclass(frozen=True, kw_only=True)
class RuleProposal:
    """A rule that is to be added to an agent's policy, or an instruction that it is to be given.

    Attributes:
        review: The decision that it comes from, the last one where it comes from several; a review or an audit.
        kind: Which of the two it is.
        about: The class of actions; None where the rule says it.
        rule: Cedar, or the instruction.
        tests: A match and a near miss, as `*.test.yaml` holds them.
        by: Who proposes it.
        decided_by: Who accepted or declined it; None while it is open.
    """

    id: str
    agent: str
    review: ReviewId
    kind: Kind
    about: str | None
    rule: str
    tests: Sequence[dict[str, Any]]
    by: str
    at: float
    state: State
    decided_by: str | None
    decided_at: float | None
    note: str | None


def propose(
    tx: Transaction,
    agent: str,
    review: ReviewId,
    rule: str,
    tests: Sequence[dict[str, Any]],
    by: str,
    kind: Kind = "rule",
    about: str | None = None,
) -> RuleProposal:
    """Record a proposal. Nothing follows from it until it is accepted."""
    id = random_id("rule")
    row = {"id": id, "agent": agent, "review": review, "rule": rule, "tests": dump(list(tests)), "by": by, "at": tx.now}
    tx.execute(insert(table).values(**row, kind=kind, about=about, state="open"))
    return get(tx, id)


def get(tx: Transaction, prefix: str) -> RuleProposal:
    """The proposal with this id or beginning of an id.

    Raises:
        NotFound, Ambiguous: if none or several fit.
    """
    start = prefix if prefix.startswith("rule_") else f"rule_{prefix}"
    rows = tx.rows(select(table).where(table.c.id.startswith(start, autoescape=True)).limit(5))
    if not rows:
        raise NotFound("proposal", prefix, hint="`baton policy proposals` lists them.")
    if len(rows) > 1:
        raise Ambiguous("proposal", prefix, [row.id for row in rows])
    return _proposal(rows[0])


def listed(
    tx: Transaction, *, everything: bool = False, limit: int | None = None, after: str | None = None
) -> list[RuleProposal]:
    """Open proposals, oldest first; or all of them. `after` is the last one of the page before."""
    query = select(table).order_by(table.c.at, table.c.id).limit(limit)
    if not everything:
        query = query.where(table.c.state == "open")
    if after is not None:
        last = get(tx, after)
        query = query.where(or_(table.c.at > last.at, and_(table.c.at == last.at, table.c.id > last.id)))
    return [_proposal(row) for row in tx.rows(query)]


def of_review(tx: Transaction, review: ReviewId) -> list[RuleProposal]:
    """What was proposed because of a decision, oldest first."""
    return [_proposal(row) for row in tx.rows(select(table).where(table.c.review == review).order_by(table.c.at))]


def decide(tx: Transaction, proposal: str, state: State, by: str, note: str = "") -> None:
    """Accept or decline a proposal.

    Raises:
        Conflict: if somebody has decided it already.
    """
    changed = tx.changed(
        update(table)
        .where(table.c.id == proposal, table.c.state == "open")
        .values(state=state, decided_by=by, decided_at=tx.now, note=note or None)
    )
    if not changed:
        known = get(tx, proposal)
        raise Conflict(proposal, f"{known.decided_by} {known.state} it at {format_time(known.decided_at or 0)}")


def _proposal(row: Any) -> RuleProposal:
    return RuleProposal(**{**row._asdict(), "tests": json.loads(row.tests)})
