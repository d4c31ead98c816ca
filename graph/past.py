"""What the ledger says of a run when it takes a step, read in one snapshot."""

from dataclasses import dataclass

from baton.core import Reading, RunId
from baton.graph.context import readings
from baton.graph.judging import Record
from baton.ledger import Line, Proposal, Review, Run, Transaction, effects, journal, reviews, runs, transcript


@dataclass(frozen=True, kw_only=True)
class Past:
    """A run so far."""

    run: Run
    lines: list[Line]
    proposals: list[Proposal]
    reviews: list[Review]
    counts: dict[str, int]
    now: float

    def record(self, news: list[Line]) -> Record:
        """What a judgement takes into account, with lines that have just come."""
        read: tuple[Reading, ...] = readings(self.run, [*self.lines, *news], self.proposals)
        return Record(readings=read, counts=self.counts, reviews=self.reviews, proposals=self.proposals, now=self.now)


def load(tx: Transaction, run: RunId, head: int) -> Past:
    """A run with the first `head` lines of its transcript."""
    return Past(
        run=runs.get(tx, run),
        lines=transcript.read(tx, run, head),
        proposals=journal.proposals(tx, run),
        reviews=reviews.of_run(tx, run),
        counts=effects.counts(tx, run),
        now=tx.now,
    )
