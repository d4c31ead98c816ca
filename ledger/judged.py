"""Actions as they were judged, with what became of them: what a changed policy is held against."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from baton.core import Trust
from baton.ledger import bodies
from baton.ledger.journal import Proposal, read_proposal
from baton.ledger.schema import actions, effects, model_calls, runs
from baton.ledger.schema_people import decisions, reviews
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One action on record.

    Attributes:
        at: When it was judged, in seconds since 1970.
        goal: The statement of its run's goal.
        goal_trust: How far that is trusted.
        requester: Who asked for the goal; None where nobody is known.
        decision: What people, or the queue, said; None where nobody was asked or has answered yet.
        effect: How far carrying it out is; None where it was not begun.
    """

    proposal: Proposal
    at: float
    goal: str
    goal_trust: Trust
    requester: str | None
    decision: str | None
    effect: str | None


def judged(tx: Transaction, agent: str, since: float, runs: int | None = None) -> list[Judged]:
    """The actions of an agent's runs that policy has judged since then, oldest first; calls that were none left out.

    Args:
        tx: The transaction.
        agent: Its name.
        since: Seconds since 1970.
        runs: Of how many runs, the newest of its own; None is of all.
    """
    if runs is None:
        rows = tx.rows(_JUDGED, agent=agent, since=since)
    else:
        rows = tx.rows(_JUDGED_LATELY, agent=agent, since=since, most=runs)
    goals = bodies.load(tx, sorted({row.goal for row in rows}))
    statements = {body: json.loads(text)["statement"] for body, text in goals.items()}
    return [_judged(row, statements[row.goal]) for row in rows]


_JUDGED = (
    select(
        actions,
        model_calls.c.at.label("judged_at"),
        runs.c.goal,
        runs.c.trust.label("goal_trust"),
        runs.c.requester,
        decisions.c.kind.label("decision"),
        effects.c.state.label("effect"),
    )
    .join(runs, runs.c.id == actions.c.run)
    .join(model_calls, (model_calls.c.run == actions.c.run) & (model_calls.c.turn == actions.c.turn))
    .outerjoin(reviews, reviews.c.id == actions.c.review)
    .outerjoin(decisions, decisions.c.id == reviews.c.decision)
    .outerjoin(effects, effects.c.key == actions.c.id)
    .where(
        actions.c.agent == bindparam("agent"),
        model_calls.c.at >= bindparam("since"),
        actions.c.problem.is_(None),
        runs.c.live == 1,
    )
    .order_by(model_calls.c.at, actions.c.run, actions.c.position)
)

_LATELY = (
    select(runs.c.id)
    .where(runs.c.agent == bindparam("agent"), runs.c.created_at >= bindparam("since"))
    .order_by(runs.c.created_at.desc(), runs.c.id)
    .limit(bindparam("most"))
)
_JUDGED_LATELY = _JUDGED.where(actions.c.run.in_(_LATELY))


def _judged(row: Any, goal: str) -> Judged:
    return Judged(
        proposal=read_proposal(row),
        at=row.judged_at,
        goal=goal,
        goal_trust=Trust(row.goal_trust),
        requester=row.requester,
        decision=row.decision,
        effect=row.effect,
    )
