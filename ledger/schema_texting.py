"""The tables of what becomes of messages: which agents take none while they are at work, and what nobody could read."""

from sqlalchemy import Column, Double, Index, Integer, Table, Text

from baton.ledger.schema import Serial, metadata

texting = Table(
    "texting",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("how", Text, nullable=False),  # what becomes of a message that comes while the agent is at work
)

undelivered = Table(
    "undelivered",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),  # to which it was to go
    Column("kind", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("ref", Text),
    Column("body", Serial, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", Double, nullable=False),
)
Index("undelivered_run", undelivered.c.run)
