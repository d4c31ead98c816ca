"""What a function that is handed to the ledger works with."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable

from baton.core import RunId
from baton.ledger.prepared import expect_often, prepared

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
        wanted: Where nothing may be asked, the epochs that have to be the newest: whoever sends the rows sees to it.
        tenant: Whose runs and questions there are for it, others not being there at all; None is everybody's.
    """

    connection: Connection
    now: float
    woken: set[RunId] = field(default_factory=set[RunId])
    noted: set[RunId] = field(default_factory=set[RunId])
    rested: set[RunId] = field(default_factory=set[RunId])
    times: set[float] = field(default_factory=set[float])
    fenced: dict[RunId, int | None] = field(default_factory=dict[RunId, int | None])
    pending: Pending = field(default_factory=dict[Executable, list[Mapping[str, Any]]])
    wanted: dict[RunId, int] | None = None
    tenant: str | None = None

    def sees(self, tenant: str) -> bool:
        """Whether what is of a tenant is there for it."""
        return self.tenant is None or self.tenant == tenant

    def execute(
        self, statement: Executable, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None
    ) -> None:
        """Run a statement for one row of values, or for several."""
        if rows is None or rows:
            self._run(statement, rows or {})

    def later(self, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for these rows at the end of the transaction, together with the rows of others.

        For what is written often and not read back at once: many rows in one go cost a fraction of each alone. The
        statement is one that is built once, and leaves nothing to SQLAlchemy. What reads the same tables calls `flush`
        first.
        """
        if rows:
            self.pending.setdefault(statement, []).extend(rows)

    def flush(self) -> None:
        """Write what was put off, in the order in which the statements first came; to a server, all in one message."""
        if self.pending:
            for statement in self.pending:
                expect_often(statement)
            server = self.connection.dialect.name == "postgresql"
            with self._driver.pipeline() if server else contextlib.nullcontext():
                while self.pending:
                    statement = next(iter(self.pending))
                    self._run(statement, self.pending.pop(statement))

    def rows(self, statement: Executable, **values: Any) -> list[Any]:
        """All rows of a SELECT; `values` are those of its bound parameters."""
        return list(self._found(statement, values))

    def row(self, statement: Executable, **values: Any) -> Any:
        """The first row of a SELECT; None if there is none."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def value(self, statement: Executable, **values: Any) -> Any:
        """The first column of the first row; None if there is none."""
        found = self.rows(statement, **values)
        return found[0][0] if found else None

    def values(self, statement: Executable, **values: Any) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self._found(statement, values)]

    def tuples(self, statement: Executable, **values: Any) -> list[Any]:
        """All rows of a SELECT as plain tuples: for so many that names would cost more than what is done with them."""
        expect_often(statement)
        fast = prepared(statement, self.connection.dialect, values, many=False)
        if fast is None:
            return [tuple(row) for row in self.connection.execute(statement, values)]
        found: list[Any] = self._driver.execute(fast.sql, fast.values(values)).fetchall()
        return found

    def changed(self, statement: Executable, **values: Any) -> int:
        """Run an UPDATE or DELETE; the number of rows it touched."""
        count: int = self._run(statement, values).rowcount
        return count

    def _found(self, statement: Executable, values: Mapping[str, Any]) -> Iterable[Any]:
        fast = prepared(statement, self.connection.dialect, values, many=False)
        if fast is None:
            return self.connection.execute(statement, values)
        return fast.rows(self._driver.execute(fast.sql, fast.values(values)))

    def _run(self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """Run a statement for one row of values, or for several; the cursor or result."""
        if isinstance(values, Mapping):
            fast = prepared(statement, self.connection.dialect, values, many=False)
            return self._driver.execute(fast.sql, fast.values(values)) if fast else self._slowly(statement, values)
        if len(values) == 1:
            return self._run(statement, values[0])
        fast = prepared(statement, self.connection.dialect, values[0], many=True)
        if fast is None:
            return self._slowly(statement, values)
        cursor = self._driver.cursor()
        cursor.executemany(fast.sql, [fast.values(row) for row in values])
        return cursor

    def _slowly(self, statement: Executable, values: Any) -> Any:
        return self.connection.execute(statement, values or None)

    @property
    def _driver(self) -> Any:
        return self.connection.connection.driver_connection


Work = Callable[[Transaction], T]


def confined(work: Work[T], tenant: str) -> Work[T]:
    """`work`, for which there is what is of one tenant, and nothing else."""

    def within(tx: Transaction) -> T:
        before, tx.tenant = tx.tenant, tenant
        try:
            return work(tx)
        finally:
            tx.tenant = before

    return within
