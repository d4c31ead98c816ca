"""Fingerprints of code, each stored once: what a run was begun with can be read when that code is long gone."""

import functools
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from baton.core import Fault, RunId
from baton.ledger.events import emit
from baton.ledger.runs import ENDED, Run, wake
from baton.ledger.runs import get as get_run
from baton.ledger.schema import fingerprints, runs
from baton.ledger.transaction import Transaction


def keep(tx: Transaction, hash: str, content: str) -> None:
    """Store a fingerprint, JSON, under its hash; one that is known stays as it is."""
    tx.execute(_insert(tx.connection.dialect.name), {"hash": hash, "content": content, "seen_at": tx.now})


def get(tx: Transaction, hash: str) -> str | None:
    """The fingerprint with this hash as JSON; None if it was never stored."""
    content: str | None = tx.value(_GET, wanted=hash)
    return content


def note(tx: Transaction, run: RunId, hash: str) -> None:
    """Note what code a run goes on with, and that code no longer stops it."""
    tx.execute(update(runs).where(runs.c.id == run).values(fingerprint=hash, fault=None))


def stop(tx: Transaction, run: RunId, said: str | None) -> None:
    """Note that the code at hand cannot go on with a run, and why; None takes that back."""
    tx.execute(update(runs).where(runs.c.id == run).values(fault=Fault.CODE if said else None, trouble=said))


def stopped(tx: Transaction) -> list[Run]:
    """Runs that code could not go on with, oldest first."""
    going = runs.c.status.not_in(ENDED)
    found = tx.values(select(runs.c.id).where(runs.c.fault == Fault.CODE, going).order_by(runs.c.created_at))
    return [get_run(tx, RunId(run)) for run in found]


def pin(tx: Transaction, run: RunId, hash: str | None) -> None:
    """Let only code with this fingerprint advance a run, or with None any; wakes it."""
    tx.execute(update(runs).where(runs.c.id == run).values(pinned=hash))
    wake(tx, run)
    emit(tx, run, "run.pinned" if hash else "run.unpinned", fingerprint=hash)


_GET = select(fingerprints.c.content).where(fingerprints.c.hash == bindparam("wanted"))


@functools.cache
def _insert(dialect: str) -> Any:
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(fingerprints)
    return statement.on_conflict_do_nothing(index_elements=["hash"])
