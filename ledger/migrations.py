"""How the tables of older versions become today's, and the check that a database is one we can read.

An empty database gets today's tables at once. The steps are for those that were written by an older Baton.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, inspect, select

from baton.core import LedgerVersion
from baton.ledger import fact_words
from baton.ledger.schema import metadata, migrations
from baton.ledger.schema_words import fact_words as fact_words_table
from baton.ledger.schema_words import server_metadata
from baton.ledger.transaction import Transaction

STEPS: Mapping[int, Sequence[str]] = {
    2: (
        "ALTER TABLE runs ADD COLUMN fault TEXT",
        "ALTER TABLE runs ADD COLUMN takeovers INTEGER NOT NULL DEFAULT '0'",
        "ALTER TABLE runs ADD COLUMN fingerprint TEXT",
        "ALTER TABLE runs ADD COLUMN pinned TEXT",
        "ALTER TABLE runs ADD COLUMN forked_from TEXT",
        "ALTER TABLE runs ADD COLUMN forked_at INTEGER",
        "ALTER TABLE runs ADD COLUMN live INTEGER NOT NULL DEFAULT '1'",
        "ALTER TABLE runs ADD COLUMN compensates TEXT",
        "ALTER TABLE effects ADD COLUMN undoes TEXT",
        "ALTER TABLE events ADD COLUMN xact BIGINT NOT NULL DEFAULT '0'",
    ),
    3: (
        "ALTER TABLE runs ADD COLUMN confidentiality INTEGER NOT NULL DEFAULT '1'",
        "ALTER TABLE messages ADD COLUMN confidentiality INTEGER NOT NULL DEFAULT '1'",
        "ALTER TABLE transcript ADD COLUMN confidentiality INTEGER NOT NULL DEFAULT '1'",
        "ALTER TABLE facts ADD COLUMN confidentiality INTEGER NOT NULL DEFAULT '1'",
    ),
    4: (
        "ALTER TABLE rule_proposals ADD COLUMN kind TEXT NOT NULL DEFAULT 'rule'",
        "ALTER TABLE rule_proposals ADD COLUMN about TEXT",
        "ALTER TABLE reviews ADD COLUMN due DOUBLE PRECISION NOT NULL DEFAULT '0'",
        "ALTER TABLE reviews ADD COLUMN cost DOUBLE PRECISION NOT NULL DEFAULT '1'",
        "ALTER TABLE reviews ADD COLUMN skills TEXT NOT NULL DEFAULT '[]'",
        "UPDATE reviews SET due = coalesce(deadline, opened_at + 259200)",
    ),
    5: (
        "ALTER TABLE runs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local'",
        "ALTER TABLE reviews ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local'",
        "ALTER TABLE reviews ADD COLUMN held_until DOUBLE PRECISION",
        "ALTER TABLE reviews ADD COLUMN assigned TEXT",
        "ALTER TABLE reviews ADD COLUMN escalated_at DOUBLE PRECISION",
        "ALTER TABLE decisions ADD COLUMN source TEXT NOT NULL DEFAULT 'person'",
        "ALTER TABLE decisions ADD COLUMN undone_at DOUBLE PRECISION",
        "UPDATE decisions SET source = 'timeout' WHERE kind = 'expired'",
        "UPDATE decisions SET source = 'policy' WHERE kind = 'withdrawn'",
        "ALTER TABLE decisions ADD COLUMN delivery TEXT",
    ),
    6: (),  # threads, exchanges and hook_calls, which are made as they are missing
    7: (  # and the tables of memory, hand-offs, triggers, lives, alerts and workers, which are made as they are missing
        "ALTER TABLE threads ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local'",
        "ALTER TABLE accounts ADD COLUMN tenant TEXT",
        "ALTER TABLE signals ADD COLUMN tenant TEXT",
        "ALTER TABLE facts ADD COLUMN tenant TEXT NOT NULL DEFAULT 'local'",
        "ALTER TABLE facts ADD COLUMN kind TEXT NOT NULL DEFAULT 'semantic'",
        "ALTER TABLE facts ADD COLUMN predicate TEXT",
        "ALTER TABLE facts ADD COLUMN object TEXT",
        "ALTER TABLE facts ADD COLUMN thread TEXT",
        "ALTER TABLE facts ADD COLUMN position INTEGER",
        "ALTER TABLE facts ADD COLUMN importance DOUBLE PRECISION NOT NULL DEFAULT '0.5'",
        "ALTER TABLE facts ADD COLUMN uses INTEGER NOT NULL DEFAULT '0'",
        "ALTER TABLE facts ADD COLUMN wrongs INTEGER NOT NULL DEFAULT '0'",
        "ALTER TABLE facts ADD COLUMN valid_from DOUBLE PRECISION",
        "ALTER TABLE facts ADD COLUMN valid_to DOUBLE PRECISION",
        "ALTER TABLE facts ADD COLUMN expires_at DOUBLE PRECISION",
        "ALTER TABLE facts ADD COLUMN ttl DOUBLE PRECISION",
        "ALTER TABLE facts ADD COLUMN quarantined_at DOUBLE PRECISION",
        "ALTER TABLE runs ADD COLUMN rank DOUBLE PRECISION NOT NULL DEFAULT '0'",
        "UPDATE runs SET rank = created_at",
    ),
    8: ("ALTER TABLE model_calls ADD COLUMN context TEXT",),
    9: (),  # fact_words on Postgres, filled from the facts
    10: (),  # resources, reservations, stays and records, which are made as they are missing
    11: (
        "ALTER TABLE handoffs ADD COLUMN joined TEXT",
        "ALTER TABLE handoffs ADD COLUMN item INTEGER",
    ),  # workflow_steps, joins
    12: (  # and the tables of notes and of texting
        "ALTER TABLE handoffs ADD COLUMN route TEXT",
        "ALTER TABLE messages ADD COLUMN urgent INTEGER NOT NULL DEFAULT '0'",
    ),
    13: (),  # reservation_questions
}
"""For each version the statements that make it of the one before; tables and indexes that are missing are added after.

A released step is never changed, only followed by another.
"""

HEAD = max(STEPS)
"""The version that this Baton writes."""


def stored_version(connection: Connection, database: str) -> int:
    """The version of the tables in the database; 0 where it is empty.

    Raises:
        LedgerVersion: if the tables are not Baton's.
    """
    names = inspect(connection).get_table_names()
    if migrations.name in names:
        return connection.scalar(select(func.max(migrations.c.version))) or 0
    if names:
        raise LedgerVersion(database, f"holds other tables ({', '.join(sorted(names)[:4])})", "Name another one.")
    return 0


def migrate(connection: Connection, database: str, now: float) -> int:
    """Bring the tables up to date, in the caller's transaction; returns the version that they were of.

    Raises:
        LedgerVersion: if a newer Baton wrote them, or they are not Baton's.
    """
    version = stored_version(connection, database)
    if version > HEAD:
        hint = "Upgrade Baton on this machine, or name another database."
        raise LedgerVersion(database, f"is of version {version}, this Baton knows up to {HEAD}", hint)
    if version == HEAD:
        return version
    there = set(inspect(connection).get_table_names())
    for number in range(version + 1, HEAD + 1) if version else ():
        for statement in STEPS[number]:
            if not there.isdisjoint(statement.split()[1:3]):  # a table that came later is made whole below
                connection.exec_driver_sql(statement)
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    if connection.dialect.name == "postgresql":
        server_metadata.create_all(connection)
        if fact_words_table.name not in there:
            fact_words.fill(Transaction(connection, now))
    connection.execute(migrations.insert().values(version=HEAD, applied_at=now))
    return version
