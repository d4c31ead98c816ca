"""A database that an older Baton wrote becomes what a new one is, and keeps what it holds."""

import sqlite3
from pathlib import Path

from baton.core import Goal, RunId
from baton.ledger import Ledger, leases, runs
from baton.ledger.migrations import HEAD

VERSION_1 = Path(__file__).parent.parent / "data" / "ledger_version_1.sql"

Shape = dict[str, object]


def shape(path: Path) -> Shape:
    """Every table's columns (name, type as SQLite takes it, whether it may be empty, key) and every index."""
    with sqlite3.connect(path) as raw:
        tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: Shape = {
            table: sorted((row[1], row[3], row[5]) for row in raw.execute(f"PRAGMA table_info({table})"))
            for table in tables
        }
        found["indexes"] = sorted(row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'index'"))
    raw.close()
    return found


async def test_version_1_becomes_todays_and_keeps_its_runs(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    raw = sqlite3.connect(old)
    raw.executescript(VERSION_1.read_text())
    raw.execute("INSERT INTO migrations VALUES (1, 0)")
    raw.execute('INSERT INTO bodies VALUES (1, \'{"statement": "kept"}\')')
    raw.execute(
        "INSERT INTO runs (id, agent, conversation, goal, trust, status, wake, seen, not_before, attempts, epoch,"
        " events, turns, prompt_tokens, completion_tokens, created_at)"
        " VALUES ('run_a', 'clerk', 'run_a', 1, 3, 'ready', 1, 0, 0, 0, 0, 0, 0, 0, 0, 5)"
    )
    raw.commit()
    raw.close()

    for path in (old, new):
        await (await Ledger.open(str(path))).close()
    assert shape(old) == shape(new)

    ledger = await Ledger.open(str(old))
    try:
        kept = await ledger.read(lambda tx: runs.get(tx, RunId("run_a")))
        assert kept.goal == Goal("kept")
        assert await ledger.write(lambda tx: leases.take(tx, kept.id, "w", 1))
    finally:
        await ledger.close()
    with sqlite3.connect(old) as raw:
        assert raw.execute("SELECT version FROM migrations ORDER BY 1").fetchall() == [(1,), (HEAD,)]
    raw.close()
