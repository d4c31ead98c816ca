"""How the tables came to be, step by step, and the check that a database is one we can read."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, inspect, select

from baton.core import LedgerVersion
from baton.ledger.schema import metadata, migrations

Migration = Callable[[Connection], None]


def _create(connection: Connection) -> None:
    metadata.create_all(connection)


MIGRATIONS: Sequence[Migration] = (_create,)
"""In order; the position (from 1) is the version. A released step is never changed, only followed by another."""


def stored_version(connection: Connection, database: str) -> int:
    """The version of the tables in the database; 0 where it is empty.

    Raises:
        LedgerVersion: if the tables are not Baton's.
    """
    names = inspect(connection).get_table_names()
    if migrations.name in names:
        return connection.scalar(select(func.max(migrations.c.version))) or 0
    if names:
        raise LedgerVersion(database, f"holds other tables ({', '.join(sorted(names)[:4])})", "Name another file.")
    return 0


def migrate(connection: Connection, database: str, now: float) -> None:
    """Bring the tables up to date, in the caller's transaction.

    Raises:
        LedgerVersion: if a newer Baton wrote them.
    """
    version = stored_version(connection, database)
    if version > len(MIGRATIONS):
        hint = "Upgrade Baton on this machine, or name another database."
        raise LedgerVersion(database, f"is of version {version}, this Baton knows up to {len(MIGRATIONS)}", hint)
    for number, step in enumerate(MIGRATIONS[version:], version + 1):
        step(connection)
        connection.execute(migrations.insert().values(version=number, applied_at=now))
