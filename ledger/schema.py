"""The tables of the record, for SQLite and Postgres alike.

Texts of any length stand once, in `bodies`; everything else refers to them. Times are seconds since 1970 in UTC.
JSON is text, so that a row reads the same in both databases.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()

Serial = BigInteger().with_variant(Integer, "sqlite")


class CurrentTransaction(ColumnElement[int]):
    """The number of the current transaction on Postgres; 0 on SQLite, where one writes at a time."""

    inherit_cache = True


@compiles(CurrentTransaction)
def _number(_element: CurrentTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return "'0'"


@compiles(CurrentTransaction, "postgresql")
def _number_on_postgres(_element: CurrentTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return "(pg_current_xact_id()::text::bigint)"


class OldestTransaction(ColumnElement[int]):
    """The number below which every transaction is over; on SQLite, whatever is seen is over."""

    inherit_cache = True


@compiles(OldestTransaction)
def _oldest(_element: OldestTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return str(2**62)


@compiles(OldestTransaction, "postgresql")
def _oldest_on_postgres(_element: OldestTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class Finished(ColumnElement[bool]):
    """Whether an event's transaction and all before it are over; on SQLite, whatever is seen is over."""

    inherit_cache = True


@compiles(Finished)
def _finished(_element: Finished, _compiler: SQLCompiler, **_options: object) -> str:
    return "1"


@compiles(Finished, "postgresql")
def _finished_on_postgres(_element: Finished, _compiler: SQLCompiler, **_options: object) -> str:
    return "events.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class Behind(FunctionElement[bool]):
    """Whether an event lies behind a transaction and an id.

    On SQLite all have the same transaction, and only the id is asked for: of a comparison of both it uses the first
    alone, and reads all there are.
    """

    inherit_cache = True
    type = Boolean()


@compiles(Behind)
def _behind(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    xact, id = (compiler.process(clause, **options) for clause in element.clauses)
    return f"events.id > {id} AND {xact} >= 0"


@compiles(Behind, "postgresql")
def _behind_on_postgres(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"(events.xact, events.id) > ({compiler.process(element.clauses, **options)})"


class InOrder(ColumnElement[int]):
    """The order in which events are told."""

    inherit_cache = True


@compiles(InOrder)
def _in_order(_element: InOrder, _compiler: SQLCompiler, **_options: object) -> str:
    return "events.id"


@compiles(InOrder, "postgresql")
def _in_order_on_postgres(_element: InOrder, _compiler: SQLCompiler, **_options: object) -> str:
    return "events.xact, events.id"


migrations = Table(
    "migrations",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("applied_at", Double, nullable=False),
)

bodies = Table(
    "bodies",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("text", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("key", Text, unique=True),  # a submit with the same key gives the same run
    Column("conversation", Text, nullable=False),
    Column("parent", Text),
    Column("parent_action", Text),  # the hand-off in the parent that waits for this run
    Column("goal", Serial, nullable=False),
    Column("trust", Integer, nullable=False),  # of the goal's statement
    Column("confidentiality", Integer, nullable=False, server_default="1"),
    Column("requester", Text),
    Column("status", Text, nullable=False),
    Column("summary", Serial),
    Column("evidence", Text),
    Column("wake", Integer, nullable=False, default=1),
    Column("seen", Integer, nullable=False, default=0),
    Column("not_before", Double, nullable=False, default=0.0),
    Column("attempts", Integer, nullable=False, default=0),  # failed advances since the last good one
    Column("trouble", Text),  # what the last failed advance said
    Column("fault", Text),  # the failure's class; None while nothing is wrong
    Column("takeovers", Integer, nullable=False, server_default="0"),  # leases lost by death since its last step
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("epoch", Integer, nullable=False, default=0),
    Column("events", Integer, nullable=False, default=0),
    Column("turns", Integer, nullable=False, default=0),
    Column("prompt_tokens", Integer, nullable=False, default=0),
    Column("completion_tokens", Integer, nullable=False, default=0),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("deadline", Double),
    Column("fingerprint", Text),  # of the code that advanced it last
    Column("pinned", Text),  # the fingerprint that alone may advance it; None is any
    Column("forked_from", Text),
    Column("forked_at", Integer),  # the turn up to which it shares that run's transcript
    Column("live", Integer, nullable=False, server_default="1"),  # 0: a fork that asks before it writes
    Column("compensates", Text),  # the run whose effects it undoes
    Column("tenant", Text, nullable=False, server_default="local"),
    Column("rank", Double, nullable=False, server_default="0"),  # among its tenant's: the lowest is begun first
)
Index("runs_ready", runs.c.not_before, sqlite_where=text("wake > seen"), postgresql_where=text("wake > seen"))
_AWAKE = text("wake > seen")
Index("runs_turn", runs.c.tenant, runs.c.rank, runs.c.id, sqlite_where=_AWAKE, postgresql_where=_AWAKE)
_SUSPECT = text("takeovers > 0")
Index("runs_suspect", runs.c.lease_until, sqlite_where=_SUSPECT, postgresql_where=_SUSPECT)
_HAS_PARENT = text("parent IS NOT NULL")
_AT_WORK = text("lease_until IS NOT NULL")
Index("runs_at_work", runs.c.lease_until, sqlite_where=_AT_WORK, postgresql_where=_AT_WORK)
Index("runs_parent", runs.c.parent, sqlite_where=_HAS_PARENT, postgresql_where=_HAS_PARENT)
Index("runs_conversation", runs.c.conversation)
Index("runs_created", runs.c.created_at)
Index("runs_ended", runs.c.ended_at)
_NOT_ENDED = text("ended_at IS NULL")
Index("runs_open", runs.c.id, sqlite_where=_NOT_ENDED, postgresql_where=_NOT_ENDED)

messages = Table(
    "messages",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("body", Serial),
    Column("ref", Text),
    Column("trust", Integer, nullable=False),
    Column("confidentiality", Integer, nullable=False, server_default="1"),
    Column("at", Double, nullable=False),
    Column("urgent", Integer, nullable=False, server_default="0"),  # to be read before anything else is done
)
Index("messages_run", messages.c.run, messages.c.seq)

transcript = Table(
    "transcript",
    metadata,
    Column("run", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("body", Serial),
    Column("ref", Text),
    Column("trust", Integer, nullable=False),
    Column("confidentiality", Integer, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)

model_calls = Table(
    "model_calls",
    metadata,
    Column("run", Text, primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("finish", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("left_out", Integer, nullable=False, default=0),  # transcript rows that did not fit the budget
    Column("at", Double, nullable=False),
    Column("context", Text),  # JSON: what the request held, and what was left out of it and why
    sqlite_with_rowid=False,
)

actions = Table(
    "actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("agent", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("arguments", Text, nullable=False),  # JSON, or the raw text where it was none
    Column("problem", Text),  # why it is no valid call; None where it is one
    Column("confidence", Double),
    Column("margin", Double),
    Column("reason", Text, nullable=False),
    Column("ruling", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("review", Text),
)
Index("actions_run", actions.c.run, actions.c.turn, actions.c.position)

effects = Table(
    "effects",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("arguments", Text),  # None where they are the action's own
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("result", Serial),
    Column("claimed_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("undoes", Text),  # the effect that this one undoes
)
Index("effects_run", effects.c.run)

spending = Table(
    "spending",
    metadata,
    Column("account", Text, primary_key=True),  # what is counted and whose it is
    Column("action", Text, primary_key=True),  # or the model call
    Column("value", Text, primary_key=True),  # digest of a value that is counted; empty for an amount
    Column("run", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),  # ten-thousandths
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)
Index("spending_account", spending.c.account, spending.c.at)
Index("spending_run", spending.c.run)

events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("run", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("xact", BigInteger, nullable=False, server_default=CurrentTransaction()),  # where several write at once
    UniqueConstraint("run", "seq", name="events_run"),
)
Index("events_order", events.c.xact, events.c.id)

timers = Table(
    "timers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("due", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ref", Text),
)
Index("timers_due", timers.c.due)
Index("timers_run", timers.c.run)

signals = Table(
    "signals",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Serial, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("sender", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("tenant", Text),  # whose runs it is for; None is everybody's
)
Index("signals_name", signals.c.name, signals.c.key, signals.c.id)
Index("signals_at", signals.c.at)

waits = Table(
    "waits",
    metadata,
    Column("action", Text, primary_key=True),  # the call that waits
    Column("run", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("until", Double),
    Column("state", Text, nullable=False),  # open, met, given, late or dropped; see waits.py
    Column("signal", Serial),  # the one that met it
    Column("opened_at", Double, nullable=False),
)
Index(
    "waits_open",
    waits.c.name,
    waits.c.key,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)
Index("waits_run", waits.c.run)

hook_calls = Table(
    "hook_calls",
    metadata,
    Column("hook", Text, primary_key=True),
    Column("id", Text, primary_key=True),  # what the sender calls it
    Column("content", Text, nullable=False),  # digest of what was sent
    Column("did", Text, nullable=False),  # JSON: what became of it
    Column("at", Double, nullable=False),
)
Index("hook_calls_at", hook_calls.c.at)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("content", Text, nullable=False),  # JSON
    Column("seen_at", Double, nullable=False),
)

rule_proposals = Table(
    "rule_proposals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("review", Text, nullable=False),  # the decision that it makes a rule of
    Column("kind", Text, nullable=False, server_default="rule"),  # rule or instruction
    Column("about", Text),  # the class of actions; None where the rule says it
    Column("rule", Text, nullable=False),  # Cedar, or the instruction
    Column("tests", Text, nullable=False),  # JSON: a match and a near miss
    Column("by", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("state", Text, nullable=False),  # open, accepted or declined
    Column("decided_by", Text),
    Column("decided_at", Double),
    Column("note", Text),
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Text, primary_key=True),  # of agent, class, promise, scorer, basis and method
    Column("agent", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("most_wrong", Double, nullable=False),
    Column("certainty", Double, nullable=False),
    Column("scorer", Text, nullable=False),
    Column("basis", Text, nullable=False),  # what the actions and their signals come from
    Column("began_at", Double, nullable=False),
    Column("entries", Integer, nullable=False, default=0),
    Column("folded", Integer, nullable=False, default=0),  # entries that `state` has taken in
    Column("state", Text),  # JSON; what folding these entries gives, kept to save time
)
Index("certificates_class", certificates.c.agent, certificates.c["class"])

certificate_entries = Table(
    "certificate_entries",
    metadata,
    Column("certificate", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # see promises.py
    Column("action", Text),
    Column("tool", Text),
    Column("score", Double),
    Column("alone", Integer),
    Column("audit", Double),
    Column("audited", Integer),
    Column("wrong", Integer),
    Column("source", Text),  # where a label came from: review, audit or outcome
    Column("by", Text),
    Column("details", Text),  # JSON: of a decision its signals and traits
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)
Index("certificate_entries_action", certificate_entries.c.action)

scorers = Table(
    "scorers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("weights", Text, nullable=False),  # JSON
    Column("at", Double, nullable=False),
)
Index("scorers_class", scorers.c.agent, scorers.c["class"])

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("thread", Text, primary_key=True),
    Column("ns", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("parent", Text),
    Column("type", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("metadata", Text, nullable=False),
    sqlite_with_rowid=False,
)

checkpoint_writes = Table(
    "checkpoint_writes",
    metadata,
    Column("thread", Text, primary_key=True),
    Column("ns", Text, primary_key=True),
    Column("checkpoint", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
