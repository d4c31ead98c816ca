"""Locks on names, for what has no row yet that could be locked."""

import zlib

from sqlalchemy import bindparam, func, select

from baton.ledger.transaction import Transaction

_LOCK = select(func.pg_advisory_xact_lock(bindparam("space"), bindparam("name")))
_SPACE = 0x6261746E  # ours among the advisory locks of a shared database


def lock_name(tx: Transaction, name: str) -> None:
    """Hold a name until the transaction ends; two names may share a lock. SQLite has one writer, and needs none."""
    if tx.connection.dialect.name == "postgresql":
        number = zlib.crc32(name.encode()) - 2**31
        tx.rows(_LOCK, space=_SPACE, name=number)
