import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate

from baton.graph.saver import LedgerSaver
from baton.ledger import Ledger


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_langgraphs_own_conformance_suite_passes(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What it does not test, fences and atomicity, is in test_saver_fence.py."""
    new: Callable[[], str]
    if kind == "postgres":
        new = request.getfixturevalue("postgres").record
    else:
        files = (str(tmp_path / f"{number}.db") for number in range(1000))
        new = files.__next__

    @checkpointer_test(name="LedgerSaver")
    async def saver() -> AsyncGenerator[LedgerSaver, None]:
        ledger = await Ledger.open(new())
        yield LedgerSaver(ledger)
        await ledger.close()

    report = asyncio.run(validate(saver))
    failures = [f for result in report.results.values() for f in result.failures or ()]
    assert failures == []
    assert report.passed_all()
    assert sum(result.tests_passed for result in report.results.values()) >= 81
