"""What memory is tidied from: runs that ended and were not learnt from yet, facts that repeat, threads of episodes."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Double, Text, bindparam, func, or_, select, tuple_, union

from baton.core import GOAL, Confidentiality, FactId, Forgotten, Goal, Label, RunId, Trust
from baton.ledger import bodies, facts, superseding
from baton.ledger.fact_rows import close
from baton.ledger.fact_values import Claim, Fact, Kind, fact_of
from baton.ledger.locks import lock_name
from baton.ledger.runs import ENDED
from baton.ledger.schema import runs, transcript
from baton.ledger.schema_memory import fact_sources
from baton.ledger.schema_memory import facts as fact_rows
from baton.ledger.transaction import Transaction

SUMMARY = "summary"
"""The predicate of a fact that sums up a thread."""

_LONG = 400  # characters of a goal or an outcome that are kept


def outcomes_of(agent: str) -> str:
    """The scope of memory in which it is what became of an agent's runs."""
    return f"outcomes/{agent}"


def not_learnt(tx: Transaction, tenant: str, after: tuple[float, str], most: int) -> list[tuple[float, str]]:
    """When runs ended that were not learnt from yet, and which: the next ones behind a time and a run, oldest first."""
    return tx.tuples(_NOT_LEARNT, tenant=tenant, at=after[0], run=after[1], most=most)


def learn_outcomes(tx: Transaction, tenant: str, ended: Sequence[str]) -> list[FactId]:
    """Make episodes of those runs that are none yet: what was wanted, and what came of it.

    They are trusted no more than the least that the run has read.
    """
    _alone(tx, tenant)
    made: list[FactId] = []
    for row in tx.rows(_ENDED, tenant=tenant, ids=list(ended)):
        texts = bodies.load(tx, [row.goal, row.summary])
        goal = GOAL.validate_json(texts[row.goal])
        came = texts[row.summary] if row.summary else "nothing was said"
        label = _read_by(row, goal)
        claim = Claim(
            tenant=tenant,
            scope=outcomes_of(row.agent),
            kind=Kind.EPISODIC,
            subject=row.agent,
            text=f"{goal.statement[:_LONG]} It came to: {row.status}: {came[:_LONG]}",
            label=label,
            valid_from=row.ended_at,
            thread=f"outcomes of {row.agent}",
            run=RunId(row.id),
        )
        with contextlib.suppress(Forgotten):
            made.append(facts.record(tx, claim))
    return made


def _read_by(row: Any, goal: Goal) -> Label:
    """The lowest trust and the highest confidentiality of all that a run has read."""
    trusts = [row.trust, row.lowest, *(int(one.trust) for one in goal.attachments)]
    secrecy = [row.secret, row.highest, *(int(one.confidentiality) for one in goal.attachments)]
    return Label(
        Trust(min(one for one in trusts if one is not None)),
        frozenset({f"run:{row.id}"}),
        Confidentiality(max(one for one in secrecy if one is not None)),
    )


def crowded(tx: Transaction, tenant: str) -> list[tuple[str, str]]:
    """Scopes and subjects of which a tenant believes several things that may say the same."""
    return tx.tuples(_CROWDED, tenant=tenant, now=tx.now)


def said_of(tx: Transaction, tenant: str, scope: str, subject: str) -> list[Fact]:
    """What is believed of a subject and may say the same as something else; oldest first."""
    return [fact_of(row) for row in tx.rows(_SAID_OF, tenant=tenant, scope=scope, subject=subject, now=tx.now)]


@dataclass(frozen=True)
class Thread:
    """Episodes that stand beside each other.

    Attributes:
        count: How many there are.
        episodes: The newest of them, in order.
        summary: The fact that sums them up; None where none does.
    """

    scope: str
    name: str
    count: int
    episodes: Sequence[Fact]
    summary: Fact | None


def threads(tx: Transaction, tenant: str, least: int) -> list[tuple[str, str, int]]:
    """Scope and name of the threads of at least so many believed episodes, with their number."""
    return tx.tuples(_THREADS, tenant=tenant, least=least)


def thread(tx: Transaction, tenant: str, found: tuple[str, str, int], most: int) -> Thread:
    """One of the threads, with its newest `most` episodes."""
    scope, name, count = found
    rows = tx.rows(_EPISODES, tenant=tenant, scope=scope, thread=name, most=most)
    known = tx.row(_SUMMARY, tenant=tenant, scope=scope, subject=name)
    episodes = [fact_of(row) for row in reversed(rows)]
    return Thread(scope, name, count, episodes, fact_of(known) if known else None)


def sum_up(tx: Transaction, thread: Thread, claim: Claim) -> FactId | None:
    """Keep the summary of a thread in place of an earlier one; None where it is the same."""
    _alone(tx, claim.tenant)
    old = thread.summary
    if old is not None and (old.text, old.label) == (claim.text, claim.label):
        return None
    if old is not None and not close(tx, old.id):
        return None  # somebody else did
    fact = facts.record(tx, claim)
    if old is not None:
        superseding.link(tx, fact, old.id, "supersedes")
    return fact


def merge(tx: Transaction, kept: FactId, repeated: FactId) -> bool:
    """Retire a fact that says again what another one says; whether it was believed."""
    if not close(tx, repeated):
        return False
    superseding.link(tx, repeated, kept, "repeats")
    return True


def tenants(tx: Transaction) -> list[str]:
    """Whose runs and facts there are."""
    return tx.values(_TENANTS)


def _alone(tx: Transaction, tenant: str) -> None:
    """Hold what is learnt of a tenant's runs and threads: two processes at once would each learn it."""
    lock_name(tx, f"tidying {tenant}")


_TENANTS = union(select(runs.c.tenant), select(fact_rows.c.tenant)).order_by("tenant")
_LEARNT = select(fact_sources.c.fact).where(fact_sources.c.source == "run:" + runs.c.id).correlate(runs).exists()
_ENDED = (
    select(
        runs.c.id,
        runs.c.agent,
        runs.c.goal,
        runs.c.summary,
        runs.c.status,
        runs.c.trust,
        runs.c.confidentiality.label("secret"),
        runs.c.ended_at,
        select(func.min(transcript.c.trust)).where(transcript.c.run == runs.c.id).scalar_subquery().label("lowest"),
        select(func.max(transcript.c.confidentiality))
        .where(transcript.c.run == runs.c.id)
        .scalar_subquery()
        .label("highest"),
    )
    .where(runs.c.tenant == bindparam("tenant"), runs.c.id.in_(bindparam("ids", expanding=True)), ~_LEARNT)
    .order_by(runs.c.ended_at, runs.c.id)
)
_NOT_LEARNT = (
    select(runs.c.ended_at, runs.c.id)
    .where(runs.c.tenant == bindparam("tenant"), runs.c.status.in_(sorted(ENDED)), ~_LEARNT)
    .where(tuple_(runs.c.ended_at, runs.c.id) > tuple_(bindparam("at", type_=Double), bindparam("run", type_=Text)))
    .order_by(runs.c.ended_at, runs.c.id)
    .limit(bindparam("most"))
)
_BELIEVED = (
    fact_rows.c.tenant == bindparam("tenant"),
    fact_rows.c.retired_at.is_(None),
    fact_rows.c.quarantined_at.is_(None),
)
_MAY_REPEAT = (
    *_BELIEVED,
    or_(fact_rows.c.expires_at.is_(None), fact_rows.c.expires_at > bindparam("now")),
    fact_rows.c.kind != Kind.EPISODIC.value,
    fact_rows.c.ttl.is_(None),
)
_CROWDED = (
    select(fact_rows.c.scope, fact_rows.c.subject)
    .where(*_MAY_REPEAT)
    .group_by(fact_rows.c.scope, fact_rows.c.subject)
    .having(func.count() > 1)
)
_SAID_OF = (
    select(fact_rows)
    .where(*_MAY_REPEAT, fact_rows.c.scope == bindparam("scope"), fact_rows.c.subject == bindparam("subject"))
    .order_by(fact_rows.c.recorded_at, fact_rows.c.id)
)
_THREADS = (
    select(fact_rows.c.scope, fact_rows.c.thread, func.count())
    .where(*_BELIEVED, fact_rows.c.thread.is_not(None))
    .group_by(fact_rows.c.scope, fact_rows.c.thread)
    .having(func.count() >= bindparam("least"))
    .order_by(fact_rows.c.scope, fact_rows.c.thread)
)
_EPISODES = (
    select(fact_rows)
    .where(*_BELIEVED, fact_rows.c.scope == bindparam("scope"), fact_rows.c.thread == bindparam("thread"))
    .order_by(fact_rows.c.position.desc())
    .limit(bindparam("most"))
)
_SUMMARY = (
    select(fact_rows)
    .where(
        *_BELIEVED,
        fact_rows.c.scope == bindparam("scope"),
        fact_rows.c.subject == bindparam("subject"),
        fact_rows.c.predicate == SUMMARY,
    )
    .order_by(fact_rows.c.recorded_at.desc())
    .limit(1)
)
