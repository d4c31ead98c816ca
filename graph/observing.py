"""What is told of a run to whoever follows it; only then the record is read for it."""

import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace

from structlog.contextvars import bound_contextvars

from baton.core import Course, Observer, RunId, Waited
from baton.graph.move import Office
from baton.ledger import Review, Run, runs


@contextlib.asynccontextmanager
async def observed(office: Office, run: RunId) -> AsyncGenerator[None]:
    """Tell of one advance of a run; log lines name the run meanwhile."""
    observer = office.team.observer
    with bound_contextvars(run=run):
        if not observer.follows:
            yield
            return
        with observer.advancing(_course(await office.ledger.read(lambda tx: runs.get(tx, run)))):
            yield


def tell_end(observer: Observer, run: Run, outcome: str, at: float) -> None:
    """Tell of a run's end, from within its transaction: afterwards the process may be gone."""
    if observer.follows:
        observer.ended(replace(_course(run), ended=at, status=outcome))


def tell_waits(observer: Observer, asked: Iterable[Review]) -> None:
    """Tell of the questions that a run goes on from."""
    if not observer.follows:
        return
    for review in asked:
        if review.decision is not None:
            observer.waited(
                Waited(
                    run=review.run,
                    review=review.id,
                    kind=review.kind.value,
                    tool=review.tool,
                    opened=review.opened_at,
                    closed=review.decision.at,
                    decision=review.decision.kind.value,
                    source=review.decision.source.value,
                )
            )


def _course(run: Run) -> Course:
    return Course(
        run=run.id,
        agent=run.agent,
        conversation=run.conversation,
        parent=run.parent,
        began=run.created_at,
        ended=run.ended_at,
        status=run.status,
    )
