"""The engine: it stops when told to, hands over when it dies, and times come due."""

import asyncio
from pathlib import Path

import pytest

from baton import Agent
from baton.graph import Dispatcher, Office
from support import open_office, script


@pytest.mark.parametrize("turns", range(6))
async def test_stopping_as_news_arrives_stops(tmp_path: Path, turns: int) -> None:
    """Python 3.11's wait_for swallows a cancellation that comes together with what it waits for."""
    async with open_office(tmp_path / "baton.db", [Agent("clerk")], script(), dispatch=False) as baton:
        office = Office(ledger=baton.ledger, team=baton._team, live=lambda _run: None)
        dispatcher = Dispatcher(office)
        await dispatcher.start()
        await asyncio.sleep(0.02)
        dispatcher._changed.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        stopping = asyncio.create_task(dispatcher.stop())
        try:
            await asyncio.wait_for(asyncio.shield(stopping), 5)
        except TimeoutError:
            for _ in range(10):
                dispatcher._loop.cancel() if dispatcher._loop else None
                await asyncio.sleep(0.05)
            raise
