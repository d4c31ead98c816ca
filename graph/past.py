"""What the ledger says of a run when it takes a step, read in one snapshot."""

from dataclasses import dataclass

from baton.core import Reading, RunId
from baton.graph.context import readings
from baton.graph.judging import Record
from baton.ledger import Line, Proposal, Review, Run, Transaction, effects, forks, journal, reviews, runs, transcript
from baton.ledger.forks import Echo


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

    def record(self, news: list[Line]) -> Record:
        """What a judgement takes into account, with lines that have just come."""
        read: tuple[Reading, ...] = readings(self.run, [*self.lines, *news], self.proposals)
        return Record(
            readings=read,
            counts=self.counts,
            reviews=self.reviews,
            proposals=self.proposals,
            now=self.now,
            echoes=self.echoes,
        )


def load(tx: Transaction, run: RunId, head: int) -> Past:
    """A run with the first `head` lines of its transcript."""
    known = runs.get(tx, run)
    parted = None if known.live else known.forked_from
    return Past(
        run=known,
        lines=transcript.read(tx, run, head),
        proposals=journal.proposals(tx, run),
        reviews=reviews.of_run(tx, run),
        counts=effects.counts(tx, run),
        now=tx.now,
        echoes=forks.echoes(tx, parted, known.forked_at or 0) if parted else [],
    )
