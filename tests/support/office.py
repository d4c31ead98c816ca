"""Baton, opened over the simulated endpoint, and looks at its record."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from baton import Agent, Baton, RunHandle
from baton.agents import Mind, OpenAIModel, SimulatedServer
from baton.agents.retries import RetryPolicy
from baton.agents.simulated import Faults
from baton.core import Clock, Observer, Person, Prices, RunId
from baton.graph.triggers import Trigger
from baton.ledger import Ledger, Line, Run, Transaction, runs
from baton.review.notices import Notices

T = TypeVar("T")

PATIENCE = 15.0
"""Seconds after which a test that waits has failed."""

on_both = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
"""A test of the loop that runs on each of the databases."""

SERIAL = RetryPolicy(attempts=3, first_wait=0.01, longest_wait=0.02, longest_retry_after=0.02)
"""Retries that cost a test no time."""


@contextlib.asynccontextmanager
async def open_office(
    database: Path | str,
    agents: Sequence[Agent],
    mind: Mind,
    *,
    faults: Faults | None = None,
    dispatch: bool = True,
    clock: Clock | None = None,
    notices: Notices | None = None,
    people: Sequence[Person] | None = None,
    prices: Prices | None = None,
    triggers: Sequence[Trigger] = (),
    stream: bool = False,
    observer: Observer | None = None,
    **shared: Any,
) -> AsyncGenerator[Baton]:
    """Baton with a simulated endpoint of its own.

    `stream` lets models tell their text as it comes; `shared` is what Baton takes beside.
    """
    async with (
        SimulatedServer(mind, faults=faults) as server,
        OpenAIModel(base_url=server.base_url, api_key="simulated", stream=stream, retries=SERIAL) as model,
        Baton(
            agents=agents,
            database=database,
            model=model,
            dispatch=dispatch,
            clock=clock,
            notices=notices,
            people=people,
            prices=prices,
            triggers=triggers,
            observer=observer,
            **shared,
        ) as baton,
    ):
        yield baton


async def soon(work: Awaitable[T]) -> T:
    """What `work` gives, if it does so before patience ends."""
    async with asyncio.timeout(PATIENCE):
        return await work


async def until(ledger: Ledger, look: Callable[[Transaction], T | None]) -> T:
    """What `look` finds in the record as soon as it finds something that is not false."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await ledger.read(look)
            if found:
                return found
            await asyncio.sleep(0.005)


async def reached(look: Callable[[], object]) -> None:
    """Until `look` says that it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


async def run_row(baton: Baton, run: RunId) -> Run:
    """A run as the record has it."""
    return await baton.ledger.read(lambda tx: runs.get(tx, run))


async def text_rows(ledger: Ledger, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """Rows of the record, asked in SQL: what a test must not learn from the code that it tests."""
    return await ledger.read(lambda tx: [tuple(row) for row in tx.connection.execute(text(sql), values)])


async def tool_lines(run: RunHandle) -> list[str]:
    """What the agent was told as answers to its calls and as notices, oldest first."""
    lines: list[Line] = await run.transcript()
    return [line.text for line in lines if line.role in ("tool", "notice")]


def set_policy(path: Path, *rules: str) -> Path:
    """A policy file of Cedar rules, each given its `@id` if it has none."""
    path.write_text("\n".join(rule if "@id" in rule else f'@id("r{n}")\n{rule}' for n, rule in enumerate(rules)))
    return path
