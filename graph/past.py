"""What the ledger says of a run when it takes a step, read in one snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baton.core import Certificate, Goal, RunId, Spent, ToolSpec, Window
from baton.graph.context import clean_plan, readings
from baton.graph.judging import Record
from baton.graph.team import Member
from baton.ledger import (
    Line,
    Proposal,
    Review,
    Run,
    Transaction,
    effects,
    forks,
    journal,
    reviews,
    runs,
    spending,
    transcript,
)
from baton.ledger.forks import Echo
from baton.policies.promises import Certificates


@dataclass(frozen=True, kw_only=True)
class Past:
    """A run so far."""

    run: Run
    lines: list[Line]
    proposals: list[Proposal]
    reviews: list[Review]
    counts: dict[str, int]
    now: float
    echoes: list[Echo]
    spent: Mapping[Window, Spent]
    certificates: Mapping[str, Certificate]

    def record(self, news: list[Line], tools: Mapping[str, ToolSpec]) -> Record:
        """What a judgement takes into account, with lines that have just come and the tools of the agent."""
        lines = [*self.lines, *news]
        return Record(
            readings=readings(self.run, lines, self.proposals, tools),
            plan=clean_plan(self.run, lines, self.proposals),
            counts=self.counts,
            reviews=self.reviews,
            proposals=self.proposals,
            now=self.now,
            echoes=self.echoes,
            spent=self.spent,
            certificates=self.certificates,
            errors=sum(line.role == "tool" and line.text.startswith("error: ") for line in lines),
        )

    def asked(self, proposal: Proposal) -> bool:
        """Whether people are, or were, asked about an action; not while what it needs is to be reserved first."""
        return any(review.id == proposal.review for review in self.reviews)


class Memo:
    """What a worker has read of the run that it holds and that never changes, so that a step reads only what is new."""

    def __init__(self) -> None:
        self.goal: Goal | None = None
        self.lines: list[Line] = []
        self.proposals: dict[Any, Proposal] = {}

    def extend(self, lines: list[Line], head: int) -> list[Line]:
        """Add the lines that were read behind those known; the first `head` of all."""
        self.lines += lines
        return self.lines[:head]


def load(
    tx: Transaction,
    run: RunId,
    head: int,
    memo: Memo | None = None,
    members: Mapping[str, Member] | None = None,
    certificates: Certificates | None = None,
) -> Past:
    """A run with the first `head` lines of its transcript.

    Args:
        tx: The transaction.
        run: The run.
        head: How many lines.
        memo: What stands in it already is not read again.
        members: The agents at hand; the limits that the policy of the run's own sets are looked up.
        certificates: Those of this process; None where nothing is judged by them.
    """
    memo = memo or Memo()
    known = runs.get(tx, run, memo.goal)
    memo.goal = known.goal
    member = (members or {}).get(known.agent)
    parted = None if known.live else known.forked_from
    return Past(
        run=known,
        lines=memo.extend(transcript.read(tx, run, head, len(memo.lines)), head),
        proposals=journal.proposals(tx, run, memo.proposals),
        reviews=reviews.of_run(tx, run),
        counts=effects.counts(tx, run),
        now=tx.now,
        echoes=forks.echoes(tx, parted, known.forked_at or 0) if parted else [],
        spent=spent_by(tx, known, member),
        certificates=certificates_of(tx, known, member, certificates),
    )


def certificates_of(
    tx: Transaction, run: Run, member: Member | None, known: Certificates | None
) -> Mapping[str, Certificate]:
    """The certificates that a run's actions may run alone by; none for a fork that asks before it writes."""
    if member is None or known is None or not run.live:
        return {}
    return known.kept(tx, run.agent, member.policy.promises, member.agent.basis)


def spent_by(tx: Transaction, run: Run, member: Member | None) -> Mapping[Window, Spent]:
    """What was used of the limits that a run's policy sets."""
    if member is None:
        return {}
    return spending.spent(tx, member.policy.windows(member.scopes(run)))
