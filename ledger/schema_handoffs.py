"""The table of work that is handed on, from the offer to its end."""

from sqlalchemy import Column, Double, Index, Integer, Table, Text

from baton.ledger.schema import Serial, metadata

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),  # of whoever gives
    Column("action", Text, nullable=False, unique=True),  # the call that offers it
    Column("giver", Text, nullable=False),
    Column("taker", Text, nullable=False),  # an agent, or person:NAME
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),  # who has it now: giver or taker
    Column("contract", Text),  # None: in words alone
    Column("version", Integer),
    Column("payload", Serial),  # JSON
    Column("answers", Text),  # JSON schema of the answer; None: in words alone
    Column("answer", Serial),  # JSON
    Column("child", Text),  # the run that works on it
    Column("review", Text),  # the question to a person that it is
    Column("depth", Integer, nullable=False),
    Column("offered_at", Double, nullable=False),
    Column("due", Double),
    Column("taken_at", Double),
    Column("ended_at", Double),
    Column("joined", Text),  # the step of a workflow that joins it with others, and its place among them
    Column("item", Integer),
    Column("route", Text),  # JSON: to whom it is offered next where it is not done; None: to nobody
    Column("said", Serial),  # why it was refused, failed or withdrawn; or what was reached
)
calls = Table(
    "proposal_calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),  # that calls
    Column("action", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),  # open, awarded or failed
    Column("task", Serial, nullable=False),
    Column("terms", Text, nullable=False),  # JSON: what the work is handed on with, by candidate
    Column("award", Text, nullable=False),  # JSON: the rule
    Column("how", Text, nullable=False),  # JSON: tokens, within, trust, confidentiality
    Column("due", Double, nullable=False),
    Column("at", Double, nullable=False),
)
Index("proposal_calls_run", calls.c.run, calls.c.state)
Index("handoffs_run", handoffs.c.run, handoffs.c.state)
Index("handoffs_taker", handoffs.c.taker, handoffs.c.state)
Index("handoffs_child", handoffs.c.child)
Index("handoffs_joined", handoffs.c.run, handoffs.c.joined, handoffs.c.item)
Index("handoffs_review", handoffs.c.review)
