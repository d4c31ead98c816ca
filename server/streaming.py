"""What happens in a run as server-sent events, each with an id that says what was told up to it."""

import contextlib
import json
import re
from collections.abc import AsyncGenerator

from baton.core import InvalidValue, LedgerError, RunId, SignInNeeded
from baton.handles import RunHandle
from baton.server.beating import beating
from baton.server.callers import Caller, still_holds
from baton.server.service import Service
from baton.story import moment_json

Numbers = dict[RunId, int]
"""Of each run the number of the newest event that was told."""

_ID = re.compile(r"(run_[0-9a-z]{1,40}):([0-9]{1,9})")


def read_numbers(id: str | None) -> Numbers:
    """What an event's id says was told; nothing where there is none.

    Raises:
        InvalidValue: if it is no id of ours.
    """
    found = [_ID.fullmatch(part) for part in id.split(",")] if id else []
    numbers = {RunId(part[1]): int(part[2]) for part in found if part is not None}
    if len(numbers) != len(found):
        raise InvalidValue("Last-Event-ID", id, "the id of the last event that came")
    return numbers


def id_of(numbers: Numbers) -> str:
    """The id that says what was told."""
    return ",".join(f"{run}:{number}" for run, number in numbers.items())


async def told(service: Service, run: RunHandle, seen: Numbers, caller: Caller) -> AsyncGenerator[str]:
    """The stream: what came behind `seen`, then what happens, until the run or the server ends.

    Args:
        service: What the run is of.
        run: The run.
        seen: What was told before.
        caller: Who listens: it ends when they may no more.
    """
    numbers = dict(seen)
    yield "retry: 1000\n\n"
    with contextlib.suppress(LedgerError, SignInNeeded):  # whoever still may see it asks again, and misses nothing
        async with contextlib.aclosing(beating(service, caller, run.story(seen, to_end=True))) as moments:
            async for moment in moments:
                if moment is None:
                    yield ": here\n\n"
                    continue
                numbers[moment.run.id] = moment.event.seq
                yield f"id: {id_of(numbers)}\ndata: {json.dumps(moment_json(moment), default=str)}\n\n"
        yield "event: end\ndata: {}\n\n"


async def still(service: Service, caller: Caller) -> bool:
    """Whether what a listener showed still holds."""
    try:
        await service.baton.ledger.read(lambda tx: still_holds(tx, caller.credential))
    except SignInNeeded:
        return False
    return True
