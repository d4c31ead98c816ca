"""Conversations: the person begins."""

from pathlib import Path

from baton.agents import Agent
from baton.app import Baton


async def test_an_agent_says_nothing_before_it_is_spoken_to(tmp_path: Path) -> None:
    async with Baton(agents=[Agent("keeper")], database=tmp_path / "b.db") as baton:
        handle = await baton.converse()
        assert (await handle.settled()).turns == 0
        assert len(await handle.say("Good morning")) == 1
        assert (await handle.settled()).turns == 1
