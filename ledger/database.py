"""What the write door needs of a database, whichever it is."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from baton.core import RunId
from baton.ledger.gathering import Piece, Statement


class Pipe(Protocol):
    """A connection that takes a whole transaction in one message; the event loop serves it.

    Attributes:
        busy: Whether an answer is awaited.
        dead: Whether the connection is gone.
    """

    @property
    def busy(self) -> bool: ...
    @property
    def dead(self) -> bool: ...

    def attach(self) -> None:
        """Have the running event loop serve it."""
        ...

    def send(self, pieces: Sequence[Piece], done: Callable[[bool], None]) -> None:
        """Write all pieces in one transaction that stands only if each epoch is the newest.

        Args:
            pieces: Each of another run.
            done: Told in the event loop whether the transaction is committed; False is no, or nobody knows.
        """
        ...

    def ask(self, statements: Sequence[Statement], done: Callable[[list[list[Any]] | None], None]) -> None:
        """Ask on one snapshot; `done` is told the rows of each statement, None if that failed."""
        ...

    def close(self) -> None:
        """Close the connection; what is under way may stand or not."""
        ...


class Database(Protocol):
    """A database of record, used by several threads; each has connections of its own.

    Attributes:
        url: What names it, with all that is needed to connect.
        name: For messages; without a password.
        path: The file; None where a server keeps it.
        writers: Transactions that may write at once.
        readers: Transactions that may read at once.
        pipe: Opens a pipe, and blocks meanwhile; None where one thread writes everything.
    """

    @property
    def url(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def writers(self) -> int: ...
    @property
    def readers(self) -> int: ...

    @property
    def pipe(self) -> Callable[[], Pipe] | None: ...

    def prepare(self, now: Callable[[], float]) -> None:
        """Make the tables where there are none; refuse what is not a record that we can read."""
        ...

    def migrate(self, now: float) -> tuple[int, int]:
        """Bring the tables up to date, then close; the versions before (0 for none) and now."""
        ...

    def offset(self) -> float:
        """Seconds that the database's clock is ahead of this machine's; 0 where it has none of its own."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction: committed at the end, undone on an error."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A consistent snapshot."""
        ...

    def announce(self, connection: Connection, woken: Collection[RunId], times: Collection[float]) -> None:
        """Tell the engine, in the transaction itself, which runs it made ready and at which times something is due."""
        ...

    def weigh(self, shares: Mapping[str, float]) -> None:
        """Have runs that this process makes ready queued by these weights of tenants; who is not named has 1."""
        ...

    def version(self) -> Hashable:
        """Differs from an earlier answer once somebody has committed."""
        ...

    def in_transaction(self, connection: Connection) -> bool:
        """Whether the transaction that was begun on this connection still stands."""
        ...

    def errors(self) -> AbstractContextManager[None]:
        """Turns the driver's errors into ours that say what to do."""
        ...

    def passing(self, error: BaseException) -> bool:
        """Whether a transaction that failed so, before its commit, may simply be run again."""
        ...

    def alone(self, work: str) -> AbstractContextManager[None]:
        """Keep others from dispatching while `work` is done, where that would have to wait for them."""
        ...

    def compact(self) -> None:
        """Give back to the disk what deleted rows took."""
        ...

    def size(self) -> int:
        """Bytes on the disk."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...
