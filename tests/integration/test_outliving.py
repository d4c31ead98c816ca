"""Who takes over from a worker that may only have been stopped waits until its call must have ended."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from baton import tool
from baton.core import Action, ActionId, Goal, ManualClock, RunId, ToolTimeout
from baton.graph import Hold, outliving
from baton.graph.calling import call_tool
from baton.ledger import Ledger, Transaction, effects, leases, runs
from support.postgres import PostgresServer, postgres_server

CALLED: list[str] = []


@tool(timeout=50)
async def ring() -> str:
    """Ring."""
    CALLED.append("rang")
    return "rang"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited; nobody does."""
    found: list[float] = []

    async def note(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr("baton.graph.outliving.asyncio.sleep", note)
    return found


async def _take_over(url: str, clock: ManualClock, later: float) -> None:
    """Claim a call, and have somebody take over `later` seconds afterwards."""
    ledger = await Ledger.open(url, clock)

    def claim(tx: Transaction) -> Hold:
        run, _new = runs.create(tx, Goal("ring"), "clerk")
        lease = leases.take(tx, run, "worker", 30)
        assert lease is not None
        effects.claim(tx, run, lease.epoch, ActionId("a"), "ring", None)
        return Hold(ledger, lease)

    try:
        hold = await ledger.write(claim)
        clock.advance(later)
        await outliving.outlive(hold, ring.spec)
    finally:
        await ledger.close()


async def test_on_postgres_a_call_is_outlived_from_its_claim_on(server: PostgresServer, waits: list[float]) -> None:
    await _take_over(server.record(), ManualClock(), 30)
    assert waits == [pytest.approx(20)]


async def test_beside_a_file_the_predecessor_is_dead(tmp_path: Path, waits: list[float]) -> None:
    await _take_over(str(tmp_path / "baton.db"), ManualClock(), 30)
    assert waits == []


async def test_a_call_whose_time_is_over_is_not_begun() -> None:
    action = Action(id=ActionId("a"), run=RunId("r"), agent="clerk", tool="ring", version="1", arguments={})
    CALLED.clear()
    now = asyncio.get_running_loop().time()
    with pytest.raises(ToolTimeout):
        await call_tool(ring.spec, action, now - 0.1)
    assert not CALLED
    assert await call_tool(ring.spec, action, now + 50) == "rang"
