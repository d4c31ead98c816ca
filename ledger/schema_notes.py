"""The tables of shared notes: the documents, what was written into them, and who has read how far."""

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, Table, Text

from baton.ledger.schema import metadata

note_documents = Table(
    "note_documents",
    metadata,
    Column("id", Text, primary_key=True),  # the run or conversation whose notes they are
    Column("tenant", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", LargeBinary),  # what the updates up to `folded` came to, as one; None before
    Column("folded", Integer, nullable=False),
)

note_updates = Table(
    "note_updates",
    metadata,
    Column("doc", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("change", LargeBinary, nullable=False),  # a CRDT update
)

notes = Table(
    "notes",
    metadata,
    Column("doc", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("position", Integer, nullable=False),  # within the version, from 0
    Column("run", Text, nullable=False),  # through which it was written
    Column("agent", Text),  # that wrote it; None: a person
    Column("by", Text, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("confidentiality", Integer, nullable=False),
    Column("at", Double, nullable=False),
)
Index("notes_order", notes.c.doc, notes.c.version, notes.c.position)

note_readers = Table(
    "note_readers",
    metadata,
    Column("run", Text, primary_key=True),
    Column("version", Integer, nullable=False),  # up to which it has read
)
