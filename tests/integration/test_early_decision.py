"""A decision that comes before its call was answered: the answer first, then what was decided."""

import asyncio
from pathlib import Path

import pytest

from baton import Agent, tool
from baton.graph import loop
from baton.graph.acting import act
from baton.graph.hold import Hold
from baton.graph.move import Move, Office
from baton.graph.state import Place
from baton.ledger import reviews
from support import call, calls, open_office, script, soon, until


async def test_a_decision_before_the_pending_answer_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = asyncio.Event()

    async def late(office: Office, hold: Hold, place: Place) -> Move:
        """Act only once somebody has decided, as after a worker's death between the question and the answer."""
        await decided.wait()
        return await act(office, hold, place)

    monkeypatch.setattr(loop, "act", late)
    paid: list[str] = []

    @tool
    def pay(whom: str) -> str:
        """Pay."""
        paid.append(whom)
        return "paid"

    agent = Agent("clerk", tools=[pay], policy="ask-writes")
    async with open_office(tmp_path / "baton.db", [agent], script(calls(call("pay", whom="ada")).calls)) as baton:
        run = await baton.submit("pay ada")
        (review,) = await until(baton.ledger, reviews.waiting)
        await baton.approve(review.id, by="pat")
        decided.set()
        assert (await soon(run.result())).status == "done"
        assert paid == ["ada"]
        roles = [line.role for line in await run.transcript() if line.role != "user"]
        assert roles == ["assistant", "tool", "notice", "assistant"]
