"""The workers that are at work: what each is, so that what differs between them is seen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from baton.ledger.schema_flow import workers
from baton.ledger.transaction import Transaction

HEARD_SECONDS = 60.0
"""For how long a worker counts that has said nothing."""

_KEPT_SECONDS = 86400.0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A worker.

    Attributes:
        began: When it began, in seconds since 1970.
        seen: When it was heard of last, by the record's clock.
        clock: Seconds that the clock of its machine is ahead of the record's.
        version: Of Baton.
        concurrency: Runs that it advances at once.
        fingerprints: Of the code of each of its agents.
        policies: Of the policy of each of its agents.
    """

    name: str
    began: float
    seen: float
    clock: float
    version: str
    concurrency: float
    fingerprints: Mapping[str, str]
    policies: Mapping[str, str]


def say(
    tx: Transaction,
    name: str,
    *,
    began: float,
    clock: float,
    version: str,
    concurrency: int,
    fingerprints: Mapping[str, str],
    policies: Mapping[str, str],
) -> None:
    """Note that a worker is at work, and what it is; those that have been silent for a day are forgotten."""
    row = {"seen": tx.now, "clock": clock, "version": version, "concurrency": float(concurrency)}
    row |= {"fingerprints": json.dumps(fingerprints, sort_keys=True), "policies": json.dumps(policies, sort_keys=True)}
    if not tx.changed(_SAY, worker=name, **{f"new_{key}": value for key, value in row.items()}):
        tx.execute(_BEGIN, row | {"name": name, "began": began})
        tx.changed(_FORGET, before=tx.now - _KEPT_SECONDS)


def leave(tx: Transaction, name: str) -> None:
    """Note that a worker has ended."""
    tx.changed(_LEAVE, worker=name)


def heard(tx: Transaction) -> list[Heard]:
    """The workers that were heard of lately, by name."""
    return [
        Heard(**row._asdict() | {name: json.loads(getattr(row, name)) for name in ("fingerprints", "policies")})
        for row in tx.rows(_HEARD, since=tx.now - HEARD_SECONDS)
    ]


_FIELDS = ("seen", "clock", "version", "concurrency", "fingerprints", "policies")
_SAY = (
    update(workers)
    .where(workers.c.name == bindparam("worker"))
    .values({name: bindparam(f"new_{name}") for name in _FIELDS})
)
_BEGIN = insert(workers)
_FORGET = delete(workers).where(workers.c.seen < bindparam("before"))
_LEAVE = delete(workers).where(workers.c.name == bindparam("worker"))
_HEARD = select(workers).where(workers.c.seen >= bindparam("since")).order_by(workers.c.name)
