"""The table of what the steps of workflows have come to."""

from sqlalchemy import Column, Double, Table, Text

from baton.ledger.schema import Serial, metadata

workflow_steps = Table(
    "workflow_steps",
    metadata,
    Column("run", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the step's name, with the rounds and places in lists that it is within
    Column("what", Text, nullable=False),  # what it does, and with whom
    Column("action", Text),  # the call that it is; None: it calls nothing
    Column("state", Text),  # what it came to; None: open
    Column("body", Serial),  # JSON of its value and of what was said
    Column("begun_at", Double, nullable=False),
    Column("ended_at", Double),
)
