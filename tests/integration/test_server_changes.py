"""What pages are told of changes: all of them, in whatever process they happen, behind where a page began."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from baton import Baton, Goal
from baton.core import InvalidValue
from baton.ledger import events
from baton.server.changes import Change, Changes, read_mark
from support import on_both, open_office, soon
from support.serving import ASK, PAY, clerk


async def heard(changes: AsyncGenerator[Change], topic: str) -> Change:
    """The next change of a topic."""
    async for change in changes:
        if change.topics is None or topic in change.topics:
            return change
    raise AssertionError("it has ended")


@on_both
async def test_every_listener_hears_of_what_another_process_did(database: str, tmp_path: Path) -> None:
    async with open_office(database, [clerk(tmp_path, ASK)], PAY) as office, Baton(database=database) as other:
        changes = Changes(other)
        async with contextlib.AsyncExitStack() as stack:
            many = [await stack.enter_async_context(contextlib.aclosing(changes.follow(None, None))) for _ in range(3)]
            waiting = [asyncio.create_task(heard(one, "reviews")) for one in many]
            await asyncio.sleep(0.1)
            run = await office.submit(Goal("pay"))
            told = await soon(asyncio.gather(*waiting))
            assert all(run.id in (change.topics or ()) for change in told)


async def test_nothing_between_the_page_and_the_stream_is_missed(database: str, tmp_path: Path) -> None:
    async with open_office(database, [clerk(tmp_path, ASK)], PAY) as office:
        mark = await office.ledger.read(events.last)
        run = await office.submit("pay")
        await soon(run.settled())
        async with contextlib.aclosing(Changes(office).follow(mark, None)) as changes:
            change = await soon(anext(changes))
            assert {run.id, "runs", "reviews"} <= (change.topics or set())
            assert change.mark == await office.ledger.read(events.last)
            assert read_mark(change.sent().partition("id: ")[2].partition("\n")[0]) == change.mark


async def test_who_lags_is_told_to_show_everything_anew(database: str, tmp_path: Path) -> None:
    async with open_office(database, [clerk(tmp_path, ASK)], PAY) as office:
        changes = Changes(office)
        async with contextlib.aclosing(changes.follow(None, None)) as slow:
            first = asyncio.create_task(anext(slow))
            await asyncio.sleep(0.05)
            await soon((await office.submit("pay")).settled())
            await soon(first)
            happened = await office.ledger.read(lambda tx: events.of_all(tx))
            for number in range(150):
                for listener in changes._listeners:
                    listener.tell((0, number), happened, {})
            last = await soon(anext(slow))
            assert last.topics is None


@pytest.mark.parametrize("id", ["", "x", "1", "1-", "-1", "1-2-3", "9" * 30 + "-1"])
def test_an_id_that_is_none_is_refused(id: str) -> None:
    with pytest.raises(InvalidValue, match="Last-Event-ID"):
        read_mark(id)
