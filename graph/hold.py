"""A worker's hold on one run: its lease, and the rows that ride with LangGraph's own writes."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from langgraph.checkpoint.base import CheckpointTuple

from baton.core import RunId
from baton.graph.past import Memo
from baton.ledger import Lease, Ledger, Transaction, Work, leases

T = TypeVar("T")


class Hold:
    """What a worker may write for a run while its epoch is the newest.

    Every write checks the epoch in its own transaction. Once one write has failed, all later ones of this hold are
    refused: what would follow rests on something that was not recorded.
    """

    def __init__(self, ledger: Ledger, lease: Lease) -> None:
        self.ledger = ledger
        self.lease = lease
        self.failure: BaseException | None = None
        self.head: tuple[str, int] | None = None  # the newest state and its turn, set by the saver
        self.looked = False  # whether `begun` is what LangGraph is about to ask for
        self.begun: CheckpointTuple | None = None  # the state that the worker begins with; None for none
        self.memo = Memo()
        self._riding: dict[str, list[Callable[[Transaction], object]]] = {}

    @property
    def run(self) -> RunId:
        """The run that is held."""
        return self.lease.run

    def ride(self, task: str, work: Callable[[Transaction], object]) -> None:
        """Have `work` committed together with the writes of LangGraph task `task`, or not at all."""
        self._riding.setdefault(task, []).append(work)

    def riders(self, task: str) -> list[Callable[[Transaction], object]]:
        """Take what rides with a task."""
        return self._riding.pop(task, [])

    def guarded(self, work: Work[T]) -> Work[T]:
        """`work` behind the fence, refused once anything before it has failed."""

        def checked(tx: Transaction) -> T:
            if self.failure is not None:
                raise self.failure
            leases.fence(tx, self.lease.run, self.lease.epoch)
            return work(tx)

        return checked

    async def write(self, work: Work[T], *, repeatable: bool = False) -> T:
        """Commit `work` behind the fence; for `repeatable` see `Ledger.post`."""
        return await self.ledger.write(self.guarded(work), self._lost, self.run, fenced=True, repeatable=repeatable)

    def post(self, work: Callable[[Transaction], object]) -> None:
        """Hand `work` over behind the fence without waiting; it is committed before any later write of this hold."""
        future: asyncio.Future[object] = self.ledger.post(self.guarded(work), self._lost, self.run, fenced=True)
        future.add_done_callback(_retrieve)

    def _lost(self, error: BaseException) -> None:
        self.failure = self.failure or error


def _retrieve(future: "asyncio.Future[object]") -> None:
    """A posted write's failure is kept in the hold, which refuses all that follows."""
    if not future.cancelled():
        future.exception()
