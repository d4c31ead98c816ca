"""What the event loop asks of threads: a piece of work, and what came of it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from baton.ledger.transaction import Work


@dataclass(eq=False)
class Asked:
    """One piece of work, and what came of it."""

    work: Work[Any]
    future: asyncio.Future[Any]
    value: Any = field(default=None, init=False)
    error: BaseException | None = field(default=None, init=False)


def tell(asked: Iterable[Asked]) -> None:
    """Tell those who still wait what came of it, in their loop."""
    for one in asked:
        if one.future.cancelled():
            continue
        if one.error is None:
            one.future.set_result(one.value)
        else:
            one.future.set_exception(one.error)
