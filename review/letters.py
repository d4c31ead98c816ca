"""Dead letters: runs that cannot go on until a person says so. A run is one while its trouble review is open."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import BatonError, Conflict, Fault, ReviewId, RunId
from baton.ledger import DecisionKind, Ledger, Review, ReviewKind, Run, Transaction, reviews, runs
from baton.review.deciding import Answer
from baton.review.queue import ReviewQueue


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A run in trouble.

    Attributes:
        run: As it stands.
        fault: The class of failure.
        said: What went wrong.
        tries: Advances in a row that failed before people were asked.
        since: When people were asked, in seconds since 1970.
        review: The question; approving it lets the run go on.
    """

    run: Run
    fault: Fault
    said: str
    tries: int
    since: float
    review: ReviewId


@dataclass(frozen=True, kw_only=True)
class Retried:
    """What became of letting one run go on.

    Attributes:
        error: Why it could not be; None if it goes on.
    """

    run: RunId
    error: BatonError | None


async def dead_letters(
    ledger: Ledger, *, fault: Fault | str | None = None, agent: str | None = None
) -> list[DeadLetter]:
    """Runs in trouble, the oldest first; filtered by class and agent, None is no filter.

    Raises:
        ValueError: if there is no such class.
    """
    wanted = Fault(fault) if fault is not None else None
    letters = await ledger.read(lambda tx: [_letter(tx, review) for review in _troubles(tx)])
    kept = [one for one in letters if wanted in (None, one.fault) and agent in (None, one.run.agent)]
    return sorted(kept, key=lambda letter: letter.since)


async def retry(
    ledger: Ledger, queue: ReviewQueue, wanted: Sequence[str], *, by: str, note: str = "", channel: str = "sdk"
) -> list[Retried]:
    """Let runs go on, each in a transaction of its own; what cannot be is told beside what could.

    Args:
        ledger: The record.
        queue: Where their questions are.
        wanted: Ids of runs, or beginnings of them.
        by: The person who lets them.
        note: A word to the agents.
        channel: Where the answer came from.
    """
    return [
        await _retried(ledger, queue, run, Answer(kind=DecisionKind.APPROVE, by=by, note=note, channel=channel))
        for run in wanted
    ]


async def _retried(ledger: Ledger, queue: ReviewQueue, wanted: str, answer: Answer) -> Retried:
    run = RunId(wanted)
    try:
        run, review = await ledger.read(lambda tx: _asked(tx, wanted))
        await queue.decide(review, answer)
    except BatonError as error:
        return Retried(run=run, error=error)
    return Retried(run=run, error=None)


def _asked(tx: Transaction, wanted: str) -> tuple[RunId, ReviewId]:
    run = runs.find(tx, wanted)
    for review in reviews.waiting(tx, runs=[run]):
        if review.kind is ReviewKind.TROUBLE:
            return run, review.id
    raise Conflict(f"retry of {run}", "it is not in trouble", "`baton runs dead` lists those that are.")


def _troubles(tx: Transaction) -> list[Review]:
    return [review for review in reviews.waiting(tx) if review.kind is ReviewKind.TROUBLE]


def _letter(tx: Transaction, review: Review) -> DeadLetter:
    question, run = review.question, runs.get(tx, review.run)
    return DeadLetter(
        run=run,
        fault=Fault(question.get("fault") or run.fault or Fault.LASTING),
        said=str(question["summary"]),
        tries=int(question.get("tries", 1)),
        since=review.opened_at,
        review=review.id,
    )
