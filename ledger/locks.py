"""Locks on names, for what has no row yet that could be locked."""

import zlib

from sqlalchemy import BindParameter, Integer, bindparam, func, select

from baton.ledger.transaction import Transaction

_NAME: tuple[BindParameter[int], ...] = (bindparam("space", type_=Integer), bindparam("name", type_=Integer))
_LOCK, _SHARE = select(func.pg_advisory_xact_lock(*_NAME)), select(func.pg_advisory_xact_lock_shared(*_NAME))
_SPACE = 0x6261746E  # ours among the advisory locks of a shared database


def lock_name(tx: Transaction, name: str, *, shared: bool = False) -> None:
    """Hold a name until the transaction ends, alone or with others that share it; two names may share a lock.

    SQLite has one writer, and needs none.
    """
    if tx.connection.dialect.name == "postgresql":
        number = zlib.crc32(name.encode()) - 2**31
        tx.rows(_SHARE if shared else _LOCK, space=_SPACE, name=number)
