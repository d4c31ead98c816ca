"""The tables of how it went: what was made of the events, troubles that were found, workers that were heard of."""

from sqlalchemy import Column, Double, Index, Table, Text

from baton.ledger.schema import metadata

lives = Table(
    "lives",
    metadata,
    Column("run", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("began", Double, nullable=False),
    Column("ended", Double, nullable=False),
    # Parts of the time between, in seconds; on a grid of 2^-20 s, so that they add up to it to the last bit.
    Column("queueing", Double, nullable=False),
    Column("thinking", Double, nullable=False),
    Column("tools", Double, nullable=False),
    Column("transmission", Double, nullable=False),
    Column("off_duty", Double, nullable=False),
    Column("in_line", Double, nullable=False),
    Column("not_looked_at", Double, nullable=False),
    Column("deciding", Double, nullable=False),
    Column("elsewhere", Double, nullable=False),
    Column("rework", Double, nullable=False),
    sqlite_with_rowid=False,
)
Index("lives_ended", lives.c.ended)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),  # the rule, or the kind of trouble
    Column("about", Text, nullable=False),  # what it is about; with the name, one is open at a time
    Column("severity", Text, nullable=False),
    Column("says", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("way_out", Text, nullable=False),
    Column("began", Double, nullable=False),  # when it is taken to have begun
    Column("found", Double, nullable=False),
    Column("ended", Double),
    Column("told", Double),  # when people were told; None while they are not
)
Index("alerts_found", alerts.c.found)
Index("alerts_open", alerts.c.name, alerts.c.about, unique=True, sqlite_where=alerts.c.ended.is_(None),
      postgresql_where=alerts.c.ended.is_(None))  # fmt: skip

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("began", Double, nullable=False),
    Column("seen", Double, nullable=False),  # by the record's clock
    Column("clock", Double, nullable=False),  # seconds that its own clock is ahead of the record's
    Column("version", Text, nullable=False),
    Column("concurrency", Double, nullable=False),
    Column("fingerprints", Text, nullable=False),  # JSON: of the code of each agent
    Column("policies", Text, nullable=False),  # JSON: of the policy of each agent
)
