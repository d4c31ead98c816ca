"""The tables of what the steps of workflows have come to, and of work that is spread and joined."""

from sqlalchemy import Column, Double, Integer, Table, Text

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

joins = Table(
    "joins",
    metadata,
    Column("run", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the step's that spreads the work
    Column("total", Integer, nullable=False),
    Column("needed", Integer, nullable=False),  # that have to return
    Column("strict", Integer, nullable=False),  # 1: told at once when fewer can return than are needed
    Column("spread", Integer, nullable=False),  # handed on so far
    Column("ended", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    Column("wakes_at", Integer, nullable=False),  # of those that have ended: then there is room for more
    Column("told", Integer, nullable=False),  # 1: a message is on its way, or it is through
    Column("trust", Integer, nullable=False),  # the lowest of what came back
    Column("confidentiality", Integer, nullable=False),  # the highest
    Column("missed", Text),  # JSON: items that could not be handed on, with why
)
