"""Runs that outlive their code: they go on where it fits, and stop with a sentence where it does not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, RunHandle, tool
from baton.ledger import Review, ReviewKind
from support import call, open_office, run_row, script, soon, text_rows, tool_lines

ONE = script([call("pay", cents=5)])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


class Till:
    """Counts what was paid."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    def agent(self, policy: str = "ask-writes", instructions: str = "Pay.", **settings: Any) -> Agent:
        async def pay(cents: int) -> str:
            """Pay."""
            self.paid.append(cents)
            return f"paid {cents}"

        return Agent("clerk", instructions, tools=[tool(**settings)(pay)], policy=policy)


@pytest.fixture
def till() -> Till:
    return Till()


async def _asked(database: Path, till: Till) -> tuple[RunHandle, Review]:
    """A run whose payment is under review, begun with version 1."""
    async with open_office(database, [till.agent()], ONE) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
    return run, review


async def _approved(database: Path, till: Till) -> tuple[RunHandle, Review]:
    run, review = await _asked(database, till)
    async with Baton(agents=[till.agent()], database=database, dispatch=False) as elsewhere:
        await elsewhere.approve(review.id, by="ann")
    return run, review


async def _kinds(run: RunHandle, kind: str) -> list[Any]:
    return [dict(event.data) async for event in run.events() if event.kind == kind]


async def test_a_run_keeps_the_fingerprint_that_it_was_begun_with(database: Path, till: Till) -> None:
    async with open_office(database, [till.agent("allow-all")], ONE) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        kept = (await run_row(baton, run.id)).fingerprint
        stored = await text_rows(baton.ledger, "SELECT hash FROM fingerprints")
        assert stored == [(kept,)]
        assert await _kinds(run, "run.code_changed") == []


async def test_new_instructions_and_new_tools_are_noted_and_the_run_goes_on(database: Path, till: Till) -> None:
    run, _ = await _approved(database, till)

    @tool
    async def send() -> str:
        """Send."""
        return "sent"

    changed = till.agent(instructions="Pay quickly.")
    changed = Agent("clerk", changed.instructions, tools=[*changed.tools, send], policy="ask-writes")
    async with open_office(database, [changed], ONE) as baton:
        run = await baton.open(run.id)
        await soon(run.result())
        (noted,) = await _kinds(run, "run.code_changed")
        assert noted["differs"] == ["instructions", "tool send is new"]
        assert (await run_row(baton, run.id)).fingerprint == noted["now"] != noted["before"]
    assert till.paid == [5]


async def test_a_run_that_new_code_would_misread_stops_once_and_goes_on_when_the_old_code_is_back(
    database: Path, till: Till
) -> None:
    run, _ = await _approved(database, till)
    for _ in range(2):
        async with open_office(database, [till.agent(version="2")], ONE) as baton:
            run = await baton.open(run.id)
            (trouble,) = (await soon(run.settled())).reviews
            assert trouble.kind is ReviewKind.TROUBLE
            assert "no upcaster leads there" in trouble.question["summary"]
            assert await text_rows(baton.ledger, "SELECT fault FROM runs") == [("code",)]
            assert len(await text_rows(baton.ledger, "SELECT id FROM reviews")) == 2
            await run.message("are you there?")
            await soon(run.settled())
    assert till.paid == []
    async with open_office(database, [till.agent()], ONE) as baton:
        run = await baton.open(run.id)
        await soon(run.result())
        assert await text_rows(baton.ledger, "SELECT fault FROM runs") == [(None,)]
        assert await baton.reviews.waiting() == []
    assert till.paid == [5]


async def test_a_person_can_let_go_of_what_no_longer_fits(database: Path, till: Till) -> None:
    run, review = await _approved(database, till)
    two = script([call("pay", cents=5)], [call("pay", cents=6)])
    async with open_office(database, [till.agent(version="2")], two) as baton:
        run = await baton.open(run.id)
        (trouble,) = (await soon(run.settled())).reviews
        await baton.approve(trouble.id, by="ann")
        anew = (await soon(run.settled())).reviews
        assert [one.question["arguments"] for one in anew] == [{"cents": 6}]
        said = f"[review {review.id} approved by ann] pay: error: the code has changed: propose it anew"
        assert any(line.startswith(said) for line in await tool_lines(run))
        await baton.approve(anew[0].id, by="ann")
        await soon(run.result())
    assert till.paid == [6]


async def test_a_run_that_was_stopped_by_other_code_can_be_cancelled(database: Path, till: Till) -> None:
    run, _ = await _approved(database, till)
    async with open_office(database, [till.agent(version="2")], ONE) as baton:
        run = await baton.open(run.id)
        await soon(run.settled())
        await run.cancel(by="ann")
        assert (await soon(run.settled())).status == "cancelled"
    assert till.paid == []


async def test_what_was_begun_by_code_that_is_gone_is_asked_about_and_never_run_by_other_code(
    database: Path, till: Till
) -> None:
    begun = asyncio.Event()

    async def pay(cents: int, *, key: str) -> str:
        """Pay."""
        begun.set()
        await asyncio.Event().wait()
        return ""

    async with open_office(
        database, [Agent("clerk", tools=[tool(repeatable=True)(pay)], policy="allow-all")], ONE
    ) as b:
        run = await b.submit("go")
        await soon(begun.wait())
    async with open_office(database, [till.agent("allow-all", version="2", repeatable=True)], ONE) as baton:
        run = await baton.open(run.id)
        (trouble,) = (await soon(run.settled())).reviews
        assert "begun, outcome unknown: pay" in trouble.question["summary"]
        await baton.approve(trouble.id, by="ann")
        (doubt,) = (await soon(run.settled())).reviews
        assert (doubt.kind, doubt.question["arguments"]) == (ReviewKind.DOUBT, {"cents": 5})
        await baton.approve(doubt.id, by="ann")
        await soon(run.result())
        assert "not called: its code has changed since it was begun" in (await tool_lines(run))[-1]
    assert till.paid == []


async def test_a_state_of_a_newer_graph_is_never_gone_on_from(database: Path, till: Till) -> None:
    run, _ = await _approved(database, till)
    async with Baton(database=database, dispatch=False) as baton:
        newer = "UPDATE fingerprints SET content = replace(content, '\"graph\":1', '\"graph\":9'), hash = 'newer'"
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql(newer))
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET fingerprint = 'newer'"))
    async with open_office(database, [till.agent()], ONE) as baton:
        run = await baton.open(run.id)
        (trouble,) = (await soon(run.settled())).reviews
        assert "graph version 9; this code reads: 1" in trouble.question["summary"]
        await baton.approve(trouble.id, by="ann")
        (again,) = (await soon(run.settled())).reviews
        assert again.id != trouble.id
        await baton.reject(again.id, "give up", by="ann")
        assert (await soon(run.settled())).status == "failed"
    assert till.paid == []
