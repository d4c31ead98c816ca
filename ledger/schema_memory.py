"""The tables of what is known: facts, what they rest on, how they stand to each other, and what was forgotten."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, Table, Text, text

from baton.ledger.schema import CurrentTransaction, Serial, metadata

facts = Table(
    "facts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False, server_default="local"),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default="semantic"),
    Column("subject", Text, nullable=False),
    Column("predicate", Text),
    Column("object", Text),
    Column("text", Text, nullable=False),
    Column("thread", Text),  # what episodes stand beside each other in
    Column("position", Integer),  # in the thread, from 1
    Column("trust", Integer, nullable=False),
    Column("confidentiality", Integer, nullable=False, server_default="1"),
    Column("sources", Text, nullable=False),  # JSON
    Column("run", Text),
    Column("importance", Double, nullable=False, server_default="0.5"),
    Column("uses", Integer, nullable=False, server_default="0"),
    Column("wrongs", Integer, nullable=False, server_default="0"),
    Column("valid_from", Double),  # in the world; None is unknown
    Column("valid_to", Double),
    Column("recorded_at", Double, nullable=False),  # in the record
    Column("retired_at", Double),
    Column("expires_at", Double),
    Column("ttl", Double),  # seconds that a read prolongs it by
    Column("quarantined_at", Double),
)
Index("facts_scope", facts.c.scope, facts.c.subject)
for _name in ("retired_at", "valid_to", "expires_at", "quarantined_at"):  # few facts have these
    _set = text(f"{_name} IS NOT NULL")
    Index(f"facts_{_name}", facts.c[_name], sqlite_where=_set, postgresql_where=_set)
_IN_THREAD = text("thread IS NOT NULL")
Index("facts_thread", facts.c.thread, facts.c.position, sqlite_where=_IN_THREAD, postgresql_where=_IN_THREAD)

fact_sources = Table(
    "fact_sources",
    metadata,
    Column("source", Text, primary_key=True),  # such as message:msg_… or fact:fct_…
    Column("fact", Text, primary_key=True),
    Column("begins", Integer),  # characters of the source that it rests on; None is all of it
    Column("ends", Integer),
    sqlite_with_rowid=False,
)
Index("fact_sources_fact", fact_sources.c.fact)

fact_links = Table(
    "fact_links",
    metadata,
    Column("fact", Text, primary_key=True),  # the newer one
    Column("other", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # supersedes, continues, conflicts, sums up or repeats
    sqlite_with_rowid=False,
)
Index("fact_links_other", fact_links.c.other)

fact_changes = Table(
    "fact_changes",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("fact", Text, nullable=False),
    Column("xact", BigInteger, nullable=False, server_default=CurrentTransaction()),  # where several write at once
)
Index("fact_changes_order", fact_changes.c.xact, fact_changes.c.id)

fact_feedback = Table(
    "fact_feedback",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("fact", Text, nullable=False),
    Column("said", Text, nullable=False),  # used or wrong
    Column("by", Text, nullable=False),
    Column("ref", Text, nullable=False),  # the action, review or command that says so: counted once
    Column("at", Double, nullable=False),
)
Index("fact_feedback_fact", fact_feedback.c.fact, fact_feedback.c.ref, unique=True)

predicates = Table(
    "predicates",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("holds", Text, nullable=False),  # one or many values at a time
    sqlite_with_rowid=False,
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # HMAC of what is not to be learnt again
    Column("tenant", Text, nullable=False),
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

forgettings = Table(
    "forgettings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("receipt", Text, nullable=False),  # JSON
    Column("at", Double, nullable=False),
)
