"""The tables of people: what they are asked and decide, when they are there, what they are told, how they sign in."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from baton.ledger.schema import Serial, metadata

reviews = Table(
    "reviews",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", Text, nullable=False),
    Column("action", Text),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("agent", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("question", Serial, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reviewers", Text, nullable=False),
    Column("requester", Text),
    Column("opened_at", Double, nullable=False),
    Column("deadline", Double),
    Column("on_deadline", Text, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", Double),
    Column("decision", Text),
    Column("due", Double, nullable=False, server_default="0"),  # when it should be answered, for whatever reason
    Column("cost", Double, nullable=False, server_default="1"),  # of being late
    Column("skills", Text, nullable=False, server_default="[]"),
    Column("held_until", Double),  # decided, and not sent before then; the decision can be undone until it is
    Column("assigned", Text),  # to whom it was delegated
    Column("escalated_at", Double),
    Column("tenant", Text, nullable=False, server_default="local"),  # of its run
)
_OPEN_ONLY = text("state = 'open'")
Index("reviews_tenant", reviews.c.tenant, reviews.c.due, sqlite_where=_OPEN_ONLY, postgresql_where=_OPEN_ONLY)
Index("reviews_due", reviews.c.due, sqlite_where=_OPEN_ONLY, postgresql_where=_OPEN_ONLY)
Index("reviews_cost", reviews.c.cost, reviews.c.due, sqlite_where=_OPEN_ONLY, postgresql_where=_OPEN_ONLY)
Index("reviews_open", reviews.c.opened_at, sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"))
Index("reviews_run", reviews.c.run)
Index("reviews_tool", reviews.c.tool, reviews.c.opened_at, sqlite_where=_OPEN_ONLY, postgresql_where=_OPEN_ONLY)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("review", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("note", Serial),
    Column("arguments", Text),  # JSON of the edited arguments
    Column("verdict", Text),  # what policy said of the edited arguments
    Column("digest", Text),  # what exactly was approved
    Column("expires", Double),
    Column("at", Double, nullable=False),
    Column("source", Text, nullable=False, server_default="person"),
    Column("undone_at", Double),
    Column("delivery", Text),  # what its sender calls the answer, so that it counts once
)
Index("decisions_review", decisions.c.review)
Index("decisions_at", decisions.c.at)

remarks = Table(
    "remarks",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("review", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),  # comment, question or answer
    Column("by", Text, nullable=False),
    Column("body", Serial, nullable=False),
    Column("at", Double, nullable=False),
)
Index("remarks_review", remarks.c.review)

snoozes = Table(
    "snoozes",
    metadata,
    Column("by", Text, primary_key=True),
    Column("review", Text, primary_key=True),
    Column("until", Double, nullable=False),
)

forecasts = Table(
    "forecasts",
    metadata,
    Column("review", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("work", Double, nullable=False),  # seconds that it takes to answer, about
    Column("ahead", Double, nullable=False),  # seconds of people's time until it is answered, by what lay before it
    Column("half_by", Double),  # of such questions half are answered by then
    Column("most_by", Double),  # and nine in ten by then
    Column("taken_at", Double),  # when who answered it last had taken it
    Column("ended_at", Double),
    Column("waited", Double),  # seconds of people's time until it was answered; None where nobody has
    Column("withdrawn", Integer, nullable=False, server_default="0"),
)
_CAME_TRUE = text("ended_at IS NOT NULL AND withdrawn = 0")
Index(
    "forecasts_ended",
    forecasts.c.kind,
    forecasts.c.ended_at,
    sqlite_where=_CAME_TRUE,
    postgresql_where=_CAME_TRUE,
)
_AWAITED = text("ended_at IS NULL")
Index("forecasts_awaited", forecasts.c.kind, forecasts.c.most_by, sqlite_where=_AWAITED, postgresql_where=_AWAITED)

roster = Table(
    "roster",
    metadata,
    Column("id", Integer, primary_key=True),  # 1: there is one
    Column("people", Text, nullable=False),
    Column("at", Double, nullable=False),
)

absences = Table(
    "absences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("starts", Double, nullable=False),
    Column("ends", Double),  # None is until further notice
    Column("stand_in", Text),
    Column("by", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("taken_back", Double),
    Column("taken_back_by", Text),
)
Index("absences_person", absences.c.person, absences.c.starts)

audits = Table(
    "audits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("action", Text, nullable=False),
    Column("look", Integer, nullable=False),  # 1; 2 and 3 where others look at it as well
    Column("run", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("question", Serial, nullable=False),
    Column("state", Text, nullable=False),  # open or closed
    Column("opened_at", Double, nullable=False),
    Column("wrong", Integer),
    Column("by", Text),
    Column("note", Serial),
    Column("at", Double),
    UniqueConstraint("action", "look", name="audits_action"),
)
Index("audits_open", audits.c.opened_at, sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'"))
Index("audits_at", audits.c.at)

notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("recipient", Text, nullable=False),  # the person that is written to; empty for a webhook
    Column("event", Text, nullable=False),  # what it is known by to whoever gets it
    Column("kind", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("review", Text),
    Column("body", Text, nullable=False),  # JSON, as it is sent
    Column("state", Text, nullable=False),  # waiting, sent, dead or dropped
    Column("at", Double, nullable=False),  # when there is something to tell
    Column("due", Double, nullable=False),  # when it is sent, or tried again
    Column("letter", Text),  # what went out, or is to go out, together
    Column("attempts", Integer, nullable=False),  # begun so far
    Column("held_until", Double),  # by whoever sends it, and the fence of what they write then
    Column("said", Text),  # what the last attempt came to
    Column("ended_at", Double),
    UniqueConstraint("channel", "recipient", "event", name="notices_event"),
)
_WAITING_ONLY = text("state = 'waiting'")
Index("notices_due", notices.c.channel, notices.c.due, sqlite_where=_WAITING_ONLY, postgresql_where=_WAITING_ONLY)
Index("notices_state", notices.c.state, notices.c.at)

notice_marks = Table(
    "notice_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("xact", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
)

gone_channels = Table(
    "gone_channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("said", Text, nullable=False),
    Column("at", Double, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("made_at", Double, nullable=False),
)

used_links = Table(
    "used_links",
    metadata,
    Column("nonce", Text, primary_key=True),
    Column("review", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("expires", Double, nullable=False),  # then it opens nothing anyway
)
Index("used_links_expires", used_links.c.expires)

accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("acts_as", Text, nullable=False),  # JSON
    Column("password", Text, nullable=False),  # its hash
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("tenant", Text),  # whose runs and questions they see; None is everybody's
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # session, key or link
    Column("secret", Text, nullable=False, unique=True),  # its hash
    Column("person", Text, nullable=False),
    Column("scope", Text),  # what a key may do at most; None is what its person may
    Column("label", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("ended_at", Double),
    Column("ended_by", Text),
)
Index("credentials_person", credentials.c.person)

trail = Table(
    "trail",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("credential", Text, nullable=False),
    Column("says", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", Double, nullable=False),
)
Index("trail_who", trail.c.who, trail.c.at)
Index("trail_address", trail.c.address, trail.c.at)
