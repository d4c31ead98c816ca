"""Who lets the agents of a database work now, in words for people."""

from baton.ledger.door import Ledger
from baton.ledger.lock import DispatchLock


async def at_work(ledger: Ledger) -> str | None:
    """The process that dispatches, or how many workers there are; None if nobody does."""
    path = ledger.database.path
    if path is not None:
        return DispatchLock(path).holder()
    from baton.ledger import wakes  # loads Procrastinate: only where it is used

    count = await ledger.read(wakes.workers)
    return f"{count} worker{'s' if count > 1 else ''}" if count else None
