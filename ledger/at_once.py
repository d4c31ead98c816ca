"""How many runs of an agent, and of a tenant, are advanced at once: counted by their leases, over all workers.

The limits stand with the resources. Who takes a lease holds the limit's name until its transaction ends, so that two
workers never take the last place both; a run that finds none stays ready, and is looked at when another gives its back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import bindparam, func, select

from baton.core import RunId
from baton.ledger.locks import lock_name
from baton.ledger.schema import runs
from baton.ledger.schema_sharing import resources
from baton.ledger.transaction import Transaction


@dataclass(frozen=True)
class Full:
    """Agents and tenants that have as many runs at work as they may."""

    agents: frozenset[str] = frozenset()
    tenants: frozenset[str] = field(default_factory=frozenset[str])

    def has(self, agent: str, tenant: str) -> bool:
        """Whether a run has to wait for a place."""
        return agent in self.agents or tenant in self.tenants


def full(tx: Transaction) -> Full:
    """Who has as many runs at work as they may."""
    limits = {row.name: row.capacity for row in tx.rows(_LIMITS)}
    if not limits:
        return Full()
    at_work: dict[str, int] = {}
    for row in tx.rows(_AT_WORK, now=tx.now):
        for name in (f"agent {row.agent}", f"tenant {row.tenant}"):
            at_work[name] = at_work.get(name, 0) + row.number
    used_up = [name for name, most in limits.items() if at_work.get(name, 0) >= most]
    return Full(
        frozenset(name.removeprefix("agent ") for name in used_up if name.startswith("agent ")),
        frozenset(name.removeprefix("tenant ") for name in used_up if name.startswith("tenant ")),
    )


def has_place(tx: Transaction, agent: str, tenant: str) -> bool:
    """Whether one more run may be advanced; nobody else takes that place until the transaction ends."""
    for name in (f"agent {agent}", f"tenant {tenant}"):
        lock_name(tx, f"at once {name}")
    return not full(tx).has(agent, tenant)


def wake_next(tx: Transaction, run: RunId) -> None:
    """A run gives its place back: rouse whoever waits for it, the lowest rank first."""
    row = tx.row(_WHOSE, run=run)
    if row is not None:
        tx.woken.update(tx.values(_NEXT, agent=row.agent, now=tx.now))
        tx.woken.update(tx.values(_NEXT_OF_TENANT, tenant=row.tenant, now=tx.now))


def without(at_hand: Mapping[str, str], found: Full) -> dict[str, str]:
    """The agents at hand that have a place left."""
    return {name: mark for name, mark in at_hand.items() if name not in found.agents}


_LIMITS = select(resources.c.name, resources.c.capacity).where(resources.c.kind.in_(("agent", "tenant")))
_AT_WORK = (
    select(runs.c.agent, runs.c.tenant, func.count().label("number"))
    .where(runs.c.lease_until >= bindparam("now"))
    .group_by(runs.c.agent, runs.c.tenant)
)
_WHOSE = select(runs.c.agent, runs.c.tenant).where(runs.c.id == bindparam("run"))
_WAITS = (runs.c.wake > runs.c.seen, runs.c.lease_owner.is_(None), runs.c.not_before <= bindparam("now"))
_FIRST = select(runs.c.id).where(*_WAITS).order_by(runs.c.rank, runs.c.id).limit(1)
_NEXT = _FIRST.where(runs.c.agent == bindparam("agent"))
_NEXT_OF_TENANT = _FIRST.where(runs.c.tenant == bindparam("tenant"))
