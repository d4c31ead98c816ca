"""The vectors of facts on a Postgres that has pgvector: ids and vectors only, one for each embedder.

They are made from the facts and go with them. Which facts have one follows the changes, from a mark that stands beside.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from baton.core import FactId
from baton.ledger.fact_changes import Mark
from baton.ledger.locks import lock_name
from baton.ledger.prepared import say
from baton.ledger.schema_words import vector_metadata
from baton.ledger.transaction import Transaction

Vector = Sequence[float]


def extension(tx: Transaction) -> tuple[str | None, str | None]:
    """The version of pgvector that this database has, and the one that its server could give it; None is neither."""
    row = tx.row(_EXTENSION) if tx.connection.dialect.name == "postgresql" else None
    return (row.installed_version, row.default_version) if row else (None, None)


def prepare(tx: Transaction) -> bool:
    """Have the tables, and the extension that they need; whether that can be."""
    if tx.value(_THERE):
        return True
    lock_name(tx, "vectors of facts")
    installed, possible = extension(tx)
    if installed is None and (possible is None or not _created(tx)):
        return False
    vector_metadata.create_all(tx.connection)
    return True


def mark(tx: Transaction, embedder: str) -> Mark | None:
    """How far the vectors of an embedder have followed the facts; None if they have not begun."""
    row = tx.row(_MARK, embedder=embedder)
    return (row.xact, row.id) if row else None


def known(tx: Transaction, embedder: str, ids: Sequence[FactId]) -> set[str]:
    """Those of these facts that have a vector."""
    return set(tx.values(_KNOWN, embedder=embedder, ids=list(ids))) if ids else set()


def keep(tx: Transaction, embedder: str, ids: Sequence[FactId], vectors: Sequence[Vector]) -> None:
    """Keep the vectors of facts; of one that has been forgotten meanwhile nothing is kept."""
    rows = [
        {"embedder": embedder, "fact": fact, "size": len(vector), "vector": _written(vector)}
        for fact, vector in zip(ids, vectors, strict=True)
    ]
    tx.execute(_KEEP, rows)


def drop(tx: Transaction, embedder: str, ids: Sequence[FactId]) -> None:
    """Delete the vectors of facts."""
    if ids:
        tx.changed(_DROP, embedder=embedder, ids=list(ids))


def move(tx: Transaction, embedder: str, seen: Mark | None, now: Mark) -> bool:
    """Note how far they have followed; not if another process has taken them from `seen` to another place."""
    if seen is None:
        return bool(tx.changed(_BEGIN, embedder=embedder, xact=now[0], id=now[1]))
    return bool(tx.changed(_MOVE, embedder=embedder, xact=now[0], id=now[1], seen=seen[0], behind=seen[1]))


def clear(tx: Transaction, embedder: str) -> None:
    """Delete all vectors of an embedder."""
    tx.changed(_CLEAR, embedder=embedder)
    tx.changed(_UNMARK, embedder=embedder)


def nearest(
    tx: Transaction, embedder: str, vector: Vector, places: Sequence[tuple[str, str]], most: int
) -> list[FactId]:
    """The believed facts of these tenants and scopes nearest to a vector by the angle between, nearest first.

    The search is exact: it compares with each vector of those places.
    """
    return [
        FactId(id)
        for id in tx.values(
            _NEAREST,
            embedder=embedder,
            size=len(vector),
            vector=_written(vector),
            tenants=[tenant for tenant, _ in places],
            scopes=[scope for _, scope in places],
            now=tx.now,
            most=most,
        )
    ]


def lacking(tx: Transaction, embedder: str) -> int:
    """How many believed facts have no vector of an embedder."""
    return int(tx.value(_LACKING, embedder=embedder))


def lengths(tx: Transaction, embedder: str) -> list[int]:
    """How long its vectors are: one length where all is well."""
    return tx.values(_LENGTHS, embedder=embedder)


def _created(tx: Transaction) -> bool:
    """Whether the extension could be had: not every user may."""
    say(tx.connection, "SAVEPOINT extension")
    try:
        tx.connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
    except DBAPIError:
        say(tx.connection, "ROLLBACK TO SAVEPOINT extension")
        return False
    return True


def _written(vector: Vector) -> str:
    return "[" + ",".join(repr(float(x)) for x in vector) + "]"


_EXTENSION = text("SELECT installed_version, default_version FROM pg_available_extensions WHERE name = 'vector'")
_THERE = text("SELECT to_regclass('fact_vectors') IS NOT NULL")
_MARK = text("SELECT xact, id FROM fact_vector_marks WHERE embedder = :embedder")
_KNOWN = text("SELECT fact FROM fact_vectors WHERE embedder = :embedder AND fact = ANY(CAST(:ids AS text[]))")
_KEEP = text("""INSERT INTO fact_vectors (embedder, fact, size, vector)
    SELECT CAST(:embedder AS text), f.id, CAST(:size AS int), CAST(:vector AS vector) FROM facts f WHERE f.id = :fact
    FOR KEY SHARE ON CONFLICT (embedder, fact) DO NOTHING""")
_DROP = text("DELETE FROM fact_vectors WHERE embedder = :embedder AND fact = ANY(CAST(:ids AS text[]))")
_BEGIN = text("""INSERT INTO fact_vector_marks (embedder, xact, id) VALUES (:embedder, :xact, :id)
    ON CONFLICT (embedder) DO NOTHING""")
_MOVE = text("""UPDATE fact_vector_marks SET xact = :xact, id = :id
    WHERE embedder = :embedder AND xact = :seen AND id = :behind""")
_CLEAR = text("DELETE FROM fact_vectors WHERE embedder = :embedder")
_UNMARK = text("DELETE FROM fact_vector_marks WHERE embedder = :embedder")
_NEAREST = text("""SELECT f.id FROM fact_vectors v JOIN facts f ON f.id = v.fact
    WHERE v.embedder = :embedder AND v.size = :size
    AND (f.tenant, f.scope) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:scopes AS text[])))
    AND f.retired_at IS NULL AND f.quarantined_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > :now)
    ORDER BY v.vector <=> CAST(:vector AS vector), f.id LIMIT :most""")
_LACKING = text("""SELECT count(*) FROM facts f WHERE f.retired_at IS NULL AND f.quarantined_at IS NULL
    AND NOT EXISTS (SELECT FROM fact_vectors v WHERE v.fact = f.id AND v.embedder = :embedder)""")
_LENGTHS = text("SELECT DISTINCT size FROM fact_vectors WHERE embedder = :embedder ORDER BY size")
