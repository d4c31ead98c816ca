import asyncio
import itertools
from collections.abc import AsyncGenerator
from pathlib import Path

from langgraph.checkpoint.conformance import checkpointer_test, validate

from baton.graph.saver import LedgerSaver
from baton.ledger import Ledger


def test_langgraphs_own_conformance_suite_passes(tmp_path: Path) -> None:
    number = itertools.count()

    @checkpointer_test(name="LedgerSaver")
    async def saver() -> AsyncGenerator[LedgerSaver, None]:
        ledger = await Ledger.open(str(tmp_path / f"{next(number)}.db"))
        yield LedgerSaver(ledger)
        await ledger.close()

    report = asyncio.run(validate(saver))
    failures = [f for result in report.results.values() for f in result.failures or ()]
    assert failures == []
    assert report.passed_all()
    assert sum(result.tests_passed for result in report.results.values()) >= 81
