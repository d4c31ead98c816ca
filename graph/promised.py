"""What the loop does for promises: decisions go on record with what they were about, and some are looked at later."""

from collections.abc import Mapping, Sequence
from typing import Any

from baton.core import ReviewId, Ruling
from baton.graph.builtins import BUILTIN
from baton.graph.job import Job
from baton.graph.outcome import Outcome
from baton.ledger import Proposal, Run, Transaction, audits, effects, promises

SHOWN = 4000
"""Characters of a result that whoever looks back is shown."""


def record_decisions(tx: Transaction, proposals: Sequence[Proposal], asking: Mapping[ReviewId, Proposal]) -> None:
    """Tell certificates what was decided: what runs alone, and what a person is asked about for want of one.

    What joins an earlier question, and what was refused, is none of theirs.
    """
    for proposal in proposals:
        verdict, action = proposal.verdict, proposal.action
        alone = verdict.ruling is Ruling.ALLOW
        asked = proposal.review is not None and asking.get(proposal.review) is proposal
        if verdict.assessed is not None and (alone or asked):
            promises.decided(tx, action.agent, action.id, action.tool, verdict.assessed, alone=alone)


def open_audits(tx: Transaction, run: Run, done: Sequence[tuple[Job, Outcome]]) -> None:
    """Ask people to look at what ran alone and was chosen for it."""
    for job, outcome in done:
        assessed = job.proposal.verdict.assessed
        if assessed is None or not assessed.audited or job.decision is not None or outcome.pending:
            continue
        action = job.action
        if action.tool not in BUILTIN and effects.get(tx, action.id) is None:
            continue  # it did not run after all
        question: dict[str, Any] = {
            "arguments": action.arguments,
            "reason": action.reason,
            "confidence": action.confidence,
            "result": outcome.text[:SHOWN],
        }
        audits.open_(
            tx,
            action.id,
            look=1,
            run=run.id,
            agent=run.agent,
            tool=action.tool,
            kind=assessed.kind,
            question=question,
        )
