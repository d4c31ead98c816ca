"""Stopping the dispatcher: it ends even when the news of a change comes in the same breath."""

import asyncio
from pathlib import Path

from baton.app import Baton

SECONDS = 20


async def test_a_cancellation_that_comes_with_news_is_not_lost(tmp_path: Path) -> None:
    baton = Baton(database=tmp_path / "b.db", dispatch=False)
    async with baton:
        from baton.graph import Dispatcher, Office

        office = Office(ledger=baton.ledger, team=baton._team, live=lambda _run, _turn: None)
        for _ in range(20):
            dispatcher = Dispatcher(office)
            await dispatcher.start()
            await asyncio.sleep(0.02)
            dispatcher._changed.set()
            async with asyncio.timeout(SECONDS):
                await dispatcher.stop()
