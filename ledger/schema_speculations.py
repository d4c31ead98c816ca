"""The table of what was read ahead while a question waited."""

from sqlalchemy import Column, Double, Index, Table, Text

from baton.ledger.schema import metadata

speculations = Table(
    "speculations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("action", Text, nullable=False),  # that waited meanwhile
    Column("tool", Text, nullable=False),
    Column("version", Text, nullable=False),  # of the tool
    Column("arguments", Text, nullable=False),  # JSON
    Column("result", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("until", Double, nullable=False),  # up to which it may be relied on
    Column("state", Text, nullable=False),  # ready, used or dropped
)
Index("speculations_run", speculations.c.run, speculations.c.state)
