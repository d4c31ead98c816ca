"""The tables of what is shared: resources and who has them, actions that are held up, and records in versions."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text, text

from baton.ledger.schema import Serial, metadata

resources = Table(
    "resources",
    metadata,
    Column("name", Text, primary_key=True),  # a limit's is `tool NAME`, `agent NAME` or `tenant NAME`
    Column("kind", Text, nullable=False),  # named, tool, agent or tenant
    Column("capacity", Integer, nullable=False),
    Column("lease", Double),  # seconds; None is until it is given back
    Column("token", BigInteger, nullable=False, default=0),  # the newest fencing token
    Column("least", Integer),  # bounds of a limit that follows how it goes
    Column("most", Integer),
    Column("learnt", Text),  # JSON: what such a limit has been worked out from
)

reservations = Table(
    "reservations",
    metadata,
    Column("number", Serial, primary_key=True),  # first come, first served
    Column("key", Text, unique=True),  # the action that asked; None for a person
    Column("run", Text),  # None for a person
    Column("by", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("scope", Text, nullable=False),  # action: for that call alone; run: until it is given back; person
    Column("asked_at", Double, nullable=False),
    Column("granted_at", Double),  # None while it waits
    Column("lease", Double),
    Column("until", Double),  # when it runs out; None while it waits, and where it never does
    sqlite_autoincrement=True,  # timers speak of numbers that are gone: none is given twice
)
Index("reservations_run", reservations.c.run)

reservation_items = Table(
    "reservation_items",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("token", BigInteger),  # None while it waits
    sqlite_with_rowid=False,
)
_WAITS = text("token IS NULL")
Index(
    "reservation_items_waiting",
    reservation_items.c.resource,
    reservation_items.c.number,
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)
Index("reservation_items_number", reservation_items.c.number)

reservation_questions = Table(  # what is kept for an action that people are asked about, whatever its lease
    "reservation_questions",
    metadata,
    Column("action", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)
Index("reservation_questions_number", reservation_questions.c.number)

stays = Table(
    "stays",
    metadata,
    Column("action", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("kind", Text, nullable=False),  # recall or window
    Column("state", Text, nullable=False),  # open, over, recalled or dropped
    Column("since", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("by", Text),  # who recalled or released it; None where its time came
    Column("note", Text),
)
_OPEN = text("state = 'open'")
Index("stays_open", stays.c.until, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("stays_run", stays.c.run)

records = Table(
    "records",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),  # from 1; the highest is what it says now
    Column("value", Text, nullable=False),  # JSON
    Column("by", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("confidentiality", Integer, nullable=False),
    Column("sources", Text, nullable=False),  # JSON
    Column("over", Integer),  # the version that was written over without having been read; None for none
    Column("action", Text),  # the call that wrote it; None for a person
)
Index("records_action", records.c.action)

limit_changes = Table(
    "limit_changes",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("name", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("by", Text, nullable=False),  # baton, or a person
)
Index("limit_changes_name", limit_changes.c.name, limit_changes.c.id)
