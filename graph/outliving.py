"""Outliving a predecessor whose death is not certain, before the world is asked what became of its call.

On a server's record a worker is taken for dead because it was silent: stopped, cut off or slow, it may wake up in the
middle of its call. So its calls end with their time-outs, counted from the claim, and until then nobody trusts that a
call "did not happen". Beside a file there is no such worker: its successor holds the lock that the death has freed.
"""

import asyncio

from baton.core import ToolSpec
from baton.graph.hold import Hold
from baton.ledger import effects


async def outlive(hold: Hold, spec: ToolSpec) -> None:
    """Wait until whatever an earlier worker of this run has begun with this tool must have ended."""
    if hold.ledger.database.path is not None:
        return
    claimed = await hold.ledger.read(lambda tx: effects.last_claim(tx, hold.run))
    if claimed is not None:
        await asyncio.sleep(claimed + spec.timeout - hold.ledger.clock.now())
