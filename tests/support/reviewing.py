"""Many reviewers at once: threads that take questions and decide them, over several connections to one record."""

import asyncio
import random
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from baton.core import BatonError, Conflict, Goal, ReviewId, Ruling, RunId, Verdict
from baton.ledger import DecisionKind, Ledger, ReviewKind, Transaction, reviews, runs
from baton.review import Answer, ReviewQueue
from support.office import text_rows

T = TypeVar("T")

ASK = Verdict(ruling=Ruling.ASK, reason="", policy="", kind="a/b")


class Desk:
    """A ledger in a thread of its own, as a server has it, for the threads of many people."""

    def __init__(self, database: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.ledger = self.do(Ledger.open(database))
        self.queue = ReviewQueue(self.ledger)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What work gives, whichever thread asks."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(300)

    def close(self) -> None:
        self.do(self.ledger.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def ask(ledger: Ledger, number: int, each: int = 20, tenant: str = "local") -> None:
    """Put so many questions of a tenant into the queue, some to a run."""

    def put(tx: Transaction, count: int) -> None:
        run, _ = runs.create(tx, Goal("g"), "clerk", tenant=tenant)
        for place in range(count):
            _open(tx, run, ReviewId(f"rev_{run}_{place}"), tenant)

    for start in range(0, number, each):
        await ledger.write(partial(put, count=min(each, number - start)))


def _open(tx: Transaction, run: RunId, review: ReviewId, tenant: str) -> None:
    question = {"summary": "?"}
    rest: dict[str, Any] = {"action": None, "agent": "clerk", "tool": "", "requester": None, "tenant": tenant}
    reviews.open_(tx, run, ReviewKind.DOUBT, id=review, question=question, verdict=ASK, **rest)


@dataclass
class Tally:
    """What the reviewers did.

    Attributes:
        decided: Each decision that was taken, as the review's id.
        refused: How often somebody else was faster.
        left: How often somebody took a question and never came back.
    """

    decided: list[ReviewId] = field(default_factory=list[ReviewId])
    refused: int = 0
    left: int = 0


def decide_all(desks: Sequence[Desk], people: int, claim: float = 2.0, leaving: float = 0.02) -> Tally:
    """Let people decide until nothing is open; some take a question and go home.

    Args:
        desks: What they work at, in turn.
        people: How many there are, each in a thread.
        claim: Seconds that a question is theirs.
        leaving: The share of questions after which somebody goes home, to come back later.
    """
    tally, lock = Tally(), threading.Lock()

    def work(person: int) -> None:
        desk, draw, by = desks[person % len(desks)], random.Random(person), f"person {person}"
        while True:
            taken = desk.do(desk.queue.next(by, seconds=claim))
            if taken is None:
                if not desk.do(desk.ledger.read(lambda tx: reviews.waiting(tx, limit=1))):
                    return
                threading.Event().wait(0.2)  # somebody has what is left, or has gone home with it
                continue
            if draw.random() < leaving:
                by = f"person {person} after {taken.id}"  # the next day: they do not know of it any more
                with lock:
                    tally.left += 1
                continue
            kind = draw.choice((DecisionKind.APPROVE, DecisionKind.REJECT))
            try:
                desk.do(desk.queue.decide(taken.id, Answer(kind=kind, by=by, note="seen", version=taken.version)))
            except Conflict:
                with lock:
                    tally.refused += 1
            else:
                with lock:
                    tally.decided.append(taken.id)

    with ThreadPoolExecutor(people) as pool:
        failed = [
            error for error in (one.exception() for one in [pool.submit(work, n) for n in range(people)]) if error
        ]
    if failed:
        raise failed[0] if isinstance(failed[0], BatonError) else AssertionError(repr(failed[0]))
    return tally


async def counts(ledger: Ledger) -> dict[str, int]:
    """How many questions are decided, decisions are recorded, runs were told of one, and questions are taken."""
    queries = {
        "decided": "SELECT count(*) FROM reviews WHERE state = 'closed'",
        "decisions": "SELECT count(*) FROM decisions",
        "told": "SELECT count(*) FROM messages WHERE kind = 'decision'",
        "taken": "SELECT count(*) FROM reviews WHERE claimed_by IS NOT NULL",
    }
    return {name: (await text_rows(ledger, query))[0][0] for name, query in queries.items()}
