"""The tables of what starts runs by itself: how far each trigger has come, and what it has started."""

from sqlalchemy import BigInteger, Column, Double, Index, Table, Text

from baton.ledger.schema import metadata

triggers = Table(
    "triggers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("since", Double, nullable=False),  # from when on it counts
    Column("state", Text, nullable=False),  # JSON: what it has seen and not acted upon
)

firings = Table(
    "firings",
    metadata,
    Column("trigger", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the time, file or event: each starts one run
    Column("run", Text, nullable=False),
    Column("at", Double, nullable=False),
)
Index("firings_run", firings.c.run)

set_aside = Table(
    "set_aside",
    metadata,
    Column("trigger", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the event that started nothing
    Column("why", Text, nullable=False),
    Column("at", Double, nullable=False),
)

folded = Table(
    "folded_signals",
    metadata,
    Column("trigger", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),  # of an event that it has seen
    Column("at", Double, nullable=False),
)
