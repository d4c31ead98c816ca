"""What a function that is handed to the ledger works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable

from baton.core import RunId

T = TypeVar("T")

Pending = dict[Executable, list[Mapping[str, Any]]]


@dataclass
class Transaction:
    """A transaction, with short ways to ask it.

    Statements that run often are built once, with bound parameters, and given their values here: building one takes
    longer than SQLite takes to run it.

    Attributes:
        connection: For SQLAlchemy Core statements.
        now: The time of this transaction, seconds since 1970.
        woken: Runs that became ready in it; told to the engine.
        noted: Runs that got events in it; told to whoever follows them.
        rested: Runs that parked or ended in it; told to whoever waits for that.
        times: When something becomes due that was set in it; told to the engine.
        fenced: The newest epochs of runs whose rows this transaction holds already.
        pending: Rows that are written when the transaction comes to its end, by their statement.
    """

    connection: Connection
    now: float
    woken: set[RunId] = field(default_factory=set[RunId])
    noted: set[RunId] = field(default_factory=set[RunId])
    rested: set[RunId] = field(default_factory=set[RunId])
    times: set[float] = field(default_factory=set[float])
    fenced: dict[RunId, int | None] = field(default_factory=dict[RunId, int | None])
    pending: Pending = field(default_factory=dict[Executable, list[Mapping[str, Any]]])

    def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
    ) -> None:
        """Run a statement for one row of values, or for several."""
        if rows is None or rows:
            self.connection.execute(statement, rows)

    def later(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for these rows at the end of the transaction, together with the rows of others.

        For what is written often and not read back at once: many rows in one go cost a fraction of each alone. What
        reads the same tables calls `flush` first.
        """
        if rows:
            self.pending.setdefault(statement, []).extend(rows)

    def flush(self) -> None:
        """Write what was put off, in the order in which the statements first came."""
        while self.pending:
            statement = next(iter(self.pending))
            self.connection.execute(statement, self.pending.pop(statement))

    def rows(self, statement: Executable, **values: Any) -> list[Any]:
        """All rows of a SELECT; `values` are those of its bound parameters."""
        return list(self.connection.execute(statement, values))

    def row(self, statement: Executable, **values: Any) -> Any:
        """The first row of a SELECT; None if there is none."""
        return self.connection.execute(statement, values).first()

    def value(self, statement: Executable, **values: Any) -> Any:
        """The first column of the first row; None if there is none."""
        return self.connection.execute(statement, values).scalar()

    def values(self, statement: Executable, **values: Any) -> list[Any]:
        """The first column of every row."""
        return list(self.connection.execute(statement, values).scalars())

    def changed(self, statement: Executable, **values: Any) -> int:
        """Run an UPDATE or DELETE; the number of rows it touched."""
        result = self.connection.execute(statement, values)
        assert isinstance(result, CursorResult)
        return result.rowcount


Work = Callable[[Transaction], T]
