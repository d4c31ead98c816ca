"""The tables of what clients of LangGraph's API call a thread and a run; what came of them stands in the runs."""

from sqlalchemy import Column, Double, Index, Integer, Table, Text

from baton.ledger.schema import metadata

threads = Table(
    "threads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text),  # the run that has it now; None before anything was said
    Column("person", Text, nullable=False),  # who made it
    Column("metadata", Text, nullable=False),  # JSON
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("tenant", Text, nullable=False, server_default="local"),
)
Index("threads_run", threads.c.run)

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("thread", Text, nullable=False),
    Column("number", Integer, nullable=False),  # in the thread, from 1
    Column("run", Text, nullable=False),
    Column("after", Integer, nullable=False),  # the run's events before it
    Column("kind", Text, nullable=False),  # input or resume
    Column("metadata", Text, nullable=False),  # JSON
    Column("created_at", Double, nullable=False),
)
Index("exchanges_run", exchanges.c.run)
Index("exchanges_thread", exchanges.c.thread, exchanges.c.number, unique=True)
