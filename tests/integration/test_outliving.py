"""A call ends by the time that was counted from its claim, however late it begins."""

import asyncio

import pytest

from baton import tool
from baton.core import Action, ActionId, RunId, ToolTimeout
from baton.graph.calling import call_tool

CALLED: list[str] = []


@tool(timeout=5)
async def ring() -> str:
    """Ring."""
    CALLED.append("rang")
    return "rang"


def _action() -> Action:
    return Action(id=ActionId("a"), run=RunId("r"), agent="clerk", tool="ring", version="1", arguments={})


async def test_a_call_whose_time_is_over_is_not_begun() -> None:
    CALLED.clear()
    now = asyncio.get_running_loop().time()
    with pytest.raises(ToolTimeout):
        await call_tool(ring.spec, _action(), now - 0.1)
    assert not CALLED
    assert await call_tool(ring.spec, _action(), now + 5) == "rang"
