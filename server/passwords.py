"""Passwords: hashed with Argon2id, and compared in a thread; each takes 64 MB."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from baton.core import InvalidValue

SHORTEST = 12
"""Characters that a password has at least."""

LONGEST = 1024
"""Characters that it has at most."""


def hash_password(password: str) -> str:
    """What is kept of a password.

    Raises:
        InvalidValue: if it is too short or too long; it is not repeated.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidValue("password", "…", f"{SHORTEST} to {LONGEST} characters")
    return _hasher().hash(password)


async def fits(password: str, known: str | None, gate: asyncio.Semaphore) -> bool:
    """Whether a password is the one of a hash; with None it is not, after as long as it takes to know.

    `gate` says how many are looked at at once.
    """
    async with gate:
        return await asyncio.to_thread(_fits, password[:LONGEST], known)


def _fits(password: str, known: str | None) -> bool:
    try:
        return _hasher().verify(known or _nobodys(), password) and known is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")
