"""When an answer comes: told once enough has been answered, learnt from what was, on both databases."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from baton import Agent, Answer, Baton
from baton.core import ManualClock, Person, ReviewId
from baton.ledger import DecisionKind, Ledger, Review, forecasts, runs
from baton.ledger.forecasts import Forecast
from baton.review import ReviewQueue
from baton.review.forecast import LEAST
from support import on_both, open_office, soon, text_rows, tool_lines, until
from support.commands import baton
from support.till import PLAIN, clerk_at, does_what_the_goal_says, refunds

HOUR, DAY = 3600.0, 86400.0
REFUND = refunds('deadline("1h")', 'on_deadline("deny")')


@pytest.fixture
def clerk(tmp_path: Path) -> Agent:
    return clerk_at(tmp_path, PLAIN, REFUND)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def asked(baton: Baton, goal: str) -> tuple[Review, str]:
    """The question that a goal leads to, and what the agent is told of it."""
    run = await baton.submit(goal)
    await soon(run.settled())
    (review,) = await baton.reviews.waiting([run.id])
    return review, (await tool_lines(run))[0]


async def kept(ledger: Ledger, review: ReviewId) -> Forecast:
    return (await ledger.read(lambda tx: forecasts.of(tx, [review])))[review]


async def answered_after(ledger: Ledger, kind: str, waited: Sequence[float | None]) -> None:
    """Past forecasts of a class, each with ten minutes ahead of it, as if they had come out so."""
    for number, seconds in enumerate(waited):
        made = Forecast(review=ReviewId(f"rev_{kind}_{number}"), kind=kind, at=0.0, work=600.0, ahead=600.0)
        await ledger.write(lambda tx, made=made: forecasts.record(tx, made))  # type: ignore[misc]
        if seconds is None:
            await ledger.write(lambda tx, made=made: forecasts.unanswered(tx, made.review, withdrawn=False))  # type: ignore[misc]
        else:
            await ledger.write(lambda tx, made=made, took=seconds: forecasts.answered(tx, made.review, took))  # type: ignore[misc]


@on_both
async def test_an_agent_is_told_when_an_answer_is_expected_once_enough_is_known(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says(), clock=clock) as baton:
        first, told = await asked(baton, "pay A-1")
        kind = first.verdict.kind
        assert "expected" not in told and (await kept(baton.ledger, first.id)).most_by is None
        await answered_after(baton.ledger, kind, [HOUR] * 25 + [3 * HOUR] * (LEAST - 1 - 25))
        await baton.approve(first.id, by="ann")  # the thirtieth
        review, told = await asked(baton, "pay A-2")
        expected = await kept(baton.ledger, review.id)
        assert expected.half_by is not None and expected.most_by is not None
        assert expected.half_by == pytest.approx(clock.now() + HOUR)
        assert expected.most_by == pytest.approx(clock.now() + 3 * HOUR)
        assert "; an answer is expected by Wed 2023-11-15 01:13 UTC" in told
        assert "half of such questions are answered by Tue 2023-11-14 23:13)" in told
        _, later = await asked(baton, "pay A-3")  # another ten minutes lie before it
        assert "an answer is expected by" in later and "01:13" not in later
        await asked(baton, "pay A-4")
        clock.advance(2 * DAY)
        last, _ = await asked(baton, "pay A-5")
        assert (await kept(baton.ledger, last.id)).most_by is None  # three of the class are overdue now


@on_both
async def test_how_long_an_answer_took_is_counted_in_peoples_time(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    team = [Person(name="ann"), Person(name="bob")]
    async with open_office(database, [clerk], does_what_the_goal_says(), clock=clock, people=team) as baton:
        review, _ = await asked(baton, "pay A-1")
        clock.advance(1800)
        await baton.reviews.claim(review.id, "ann")
        clock.advance(600)
        await baton.reviews.claim(review.id, "ann")  # she goes on with it
        clock.advance(300)
        await baton.approve(review.id, by="ann")
        past = await baton.ledger.read(lambda tx: forecasts.past(tx, review.verdict.kind, 10))
        assert (past.waited, past.overdue, past.work) == ([(2 * 2700.0, 600.0)], 0, [900.0])


@on_both
async def test_what_lies_before_a_question_is_told_by_the_discipline(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says(), clock=clock) as baton:
        ahead: list[float] = []
        for goal in ("pay A-1", "pay A-2", "refund A-3", "pay A-4"):
            review, _ = await asked(baton, goal)
            ahead.append((await kept(baton.ledger, review.id)).ahead)
            if goal == "pay A-2":
                await baton.reviews.claim(review.id, "ann")
        assert ahead == [600.0, 1200.0, 900.0, 600.0 + 600.0 + 300.0 + 600.0]


@on_both
async def test_what_nobody_answered_counts_as_never_and_what_was_withdrawn_does_not(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says(), clock=clock) as baton:
        lapsed, _ = await asked(baton, "refund A-1")
        clock.advance(HOUR + 1)
        await baton.ledger.write(lambda tx: runs.wake(tx, lapsed.run))
        await until(baton.ledger, lambda tx: forecasts.past(tx, lapsed.verdict.kind, 10).waited)
        gone, _ = await asked(baton, "refund A-2")
        await (await baton.open(gone.run)).cancel()
        await soon((await baton.open(gone.run)).settled())
        past = await baton.ledger.read(lambda tx: forecasts.past(tx, lapsed.verdict.kind, 10))
        assert past.waited == [(None, 600.0)] and past.overdue == 0
        rows = await text_rows(baton.ledger, "SELECT withdrawn FROM forecasts WHERE ended_at IS NOT NULL ORDER BY at")
        assert rows == [(0,), (1,)]


@on_both
async def test_more_than_one_in_ten_that_nobody_answers_is_said(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says(), clock=clock) as baton:
        first, _ = await asked(baton, "pay A-1")
        await answered_after(baton.ledger, first.verdict.kind, [600.0] * 40 + [None] * 10)
        _, told = await asked(baton, "pay A-2")
        assert "half of such questions are answered by" in told and "more than one in ten never" in told


async def test_people_see_when_an_answer_is_expected(tmp_path: Path, clerk: Agent) -> None:
    database = tmp_path / "baton.db"
    async with open_office(database, [clerk], does_what_the_goal_says()) as office:
        first, _ = await asked(office, "pay A-1")
        await answered_after(office.ledger, first.verdict.kind, [HOUR] * LEAST)
        review, _ = await asked(office, "pay A-2")
    shown = await asyncio.to_thread(baton, tmp_path, "review", "show", review.id, "-d", str(database))
    assert "expected" in shown.out and "an answer is expected by" in shown.out
    found = (await asyncio.to_thread(baton, tmp_path, "review", "show", review.id, "-d", str(database), "--json")).json
    assert found["half_by"] is not None and found["half_by"] <= found["most_by"] and found["staffed"]
    listed = (await asyncio.to_thread(baton, tmp_path, "review", "-d", str(database), "--json")).json["reviews"]
    assert [one["most_by"] is None for one in listed] == [one["id"] == first.id for one in listed]


async def test_a_question_that_was_asked_before_there_were_forecasts_is_answered_all_the_same(
    tmp_path: Path, clerk: Agent
) -> None:
    async with open_office(tmp_path, [clerk], does_what_the_goal_says()) as baton:
        review, _ = await asked(baton, "pay A-1")
        await text_rows_changed(baton.ledger, "DELETE FROM forecasts")
        queue = ReviewQueue(baton.ledger)
        assert (await queue.next("ann")) is not None
        decision = await queue.decide(review.id, Answer(kind=DecisionKind.APPROVE, by="ann"))
        assert decision.kind is DecisionKind.APPROVE
        assert await baton.ledger.read(lambda tx: forecasts.of(tx, [review.id])) == {}


async def text_rows_changed(ledger: Ledger, sql: str) -> None:
    from sqlalchemy import text

    await ledger.write(lambda tx: tx.connection.execute(text(sql)) and None)
