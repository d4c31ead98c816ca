"""The engine: whatever has runs advanced when there is something to look at."""

from collections.abc import Mapping
from typing import Protocol

from baton.core import LedgerError
from baton.graph.dispatcher import Dispatcher
from baton.graph.move import Office


class Engine(Protocol):
    """Advances the runs that are ready, several at once. A run is ready while its row says `wake > seen`."""

    @property
    def leading(self) -> bool:
        """Whether this process advances runs now, rather than waits for another that does."""
        ...

    @property
    def failure(self) -> LedgerError | None:
        """Why the record cannot be used; None while it can."""
        ...

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self, grace: float = 0.0) -> None:
        """Begin nothing new; give runs back between two steps, and cut off what takes longer than `grace` seconds."""
        ...


def engine_of(
    office: Office, concurrency: int, *, standby: bool = False, weights: Mapping[str, float] | None = None
) -> Engine:
    """The engine that fits the record: the dispatcher for a file, Procrastinate's jobs for a server.

    `standby` has it work only while no other process does, which beside a file is so anyway. `weights` are the shares
    of tenants beside a file; a server's jobs have their places already.
    """
    if office.ledger.database.path is not None:
        return Dispatcher(office, concurrency=concurrency, weights=weights)
    from baton.graph.jobs import JobEngine  # loads Procrastinate: only where it is used

    return JobEngine(office, concurrency=concurrency, standby=standby)
