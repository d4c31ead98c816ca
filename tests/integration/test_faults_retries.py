"""Calls that fail for now: tried again by each tool's own rules, never twice where nobody knows, never for ever."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from baton import Agent, Baton, Retries, TryAgain, tool
from baton.agents import breakers
from baton.core import ManualClock, RunId
from baton.graph import Advancer, Office
from baton.ledger import ReviewKind, effects, runs
from support import call, open_office, run_row, script, soon, text_rows, tool_lines, until

QUICK = Retries(attempts=3, first_wait=0.001)
LOST = ConnectionResetError("reset")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


class Post:
    """A tool that fails as it is told, call by call, then works."""

    def __init__(self, *failures: BaseException, **settings: Any) -> None:
        self.failures = list(failures)
        self.keys: list[str] = []
        settings = {"retries": QUICK} | settings
        self.tool = tool(**settings)(self._send())
        self.agent = Agent("clerk", tools=[self.tool], policy="allow-all")

    def _send(self) -> Callable[..., Any]:
        async def send(*, key: str) -> str:
            self.keys.append(key)
            if self.failures:
                raise self.failures.pop(0)
            return "sent"

        return send


async def _told(database: Path, post: Post) -> list[str]:
    async with open_office(database, [post.agent], script([call("send")])) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        return await tool_lines(run)


async def _states(baton: Baton) -> list[tuple[Any, ...]]:
    return await text_rows(baton.ledger, "SELECT state, attempts FROM effects")


BUSY = TryAgain("the post office is closed")


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_what_a_tool_says_did_not_happen_is_tried_again_with_its_key(database: Path, effect: Any) -> None:
    post = Post(BUSY, BUSY, effect=effect)
    assert await _told(database, post) == ["sent"]
    assert len(post.keys) == 3
    assert len(set(post.keys)) == 1


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_it_is_tried_as_often_as_is_said_and_then_told(database: Path, effect: Any) -> None:
    post = Post(*[BUSY] * 9, effect=effect)
    assert await _told(database, post) == ["error: the post office is closed (tried 3 times)"]
    assert len(post.keys) == 3


@pytest.mark.parametrize(("settings", "calls"), [({"retries": 1}, 1), ({"retries": 2}, 2), ({"retries": None}, 3)])
async def test_the_short_forms(
    database: Path, settings: dict[str, Any], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Retries, "wait", lambda *_: 0.0)
    post = Post(*[BUSY] * 9, **settings)
    await _told(database, post)
    assert len(post.keys) == calls


async def test_a_read_without_an_answer_is_called_again(database: Path) -> None:
    post = Post(LOST, TimeoutError(), effect="read")
    assert await _told(database, post) == ["sent"]


async def test_another_error_is_told_at_once(database: Path) -> None:
    post = Post(BUSY, ValueError("no such street"))
    assert await _told(database, post) == ["error: no such street"]
    assert len(post.keys) == 2


async def test_a_write_that_may_have_happened_is_not_called_again(database: Path) -> None:
    post = Post(LOST)
    async with open_office(database, [post.agent], script([call("send")])) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.DOUBT
    assert len(post.keys) == 1


@pytest.mark.parametrize(("retries", "calls"), [(QUICK, 2), (None, 1)])
async def test_a_write_that_the_world_denies_is_called_again_where_that_is_asked_for(
    database: Path, retries: Retries | None, calls: int
) -> None:
    post = Post(LOST, reconcile=lambda key: None, retries=retries)
    (told,) = await _told(database, post)
    assert len(post.keys) == calls
    assert told == ("sent" if calls == 2 else "error: the connection was lost: reset; it did not happen")


async def test_a_repeatable_write_that_never_answers_is_asked_of_the_world_in_the_end(database: Path) -> None:
    post = Post(*[LOST] * 9, repeatable=True, reconcile=lambda key: None)
    (told,) = await _told(database, post)
    assert told.endswith("it did not happen")
    assert len(post.keys) == 3


async def test_the_tries_are_on_record_and_told_as_events(database: Path) -> None:
    post = Post(BUSY, BUSY)
    async with open_office(database, [post.agent], script([call("send")])) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        assert await _states(baton) == [("done", 3)]
        kinds = [event.kind async for event in run.events() if event.kind.startswith("effect.")]
    assert kinds == [
        "effect.claimed",
        "effect.postponed",
        "effect.claimed",
        "effect.postponed",
        "effect.claimed",
        "effect.done",
    ]


async def test_a_deadline_ends_the_tries(database: Path) -> None:
    post = Post(TryAgain("closed", after=5), retries=Retries(attempts=99, deadline=4))
    assert await _told(database, post) == ["error: closed"]


async def test_a_long_wait_holds_no_worker_and_goes_on_in_another_process(database: Path) -> None:
    clock, post = ManualClock(), Post(TryAgain("closed until morning", after=3600))
    async with open_office(database, [post.agent], script([call("send")]), clock=clock) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).trouble)
        row = await run_row(baton, run.id)
        assert (row.status, row.working, row.attempts, row.fault) == ("ready", False, 0, "transient")
        assert row.trouble == "tool send: closed until morning; try 2 of 3 is still to come"
        assert await _states(baton) == [("postponed", 1)]
        assert await baton.dead() == []
    async with open_office(database, [post.agent], script([call("send")]), clock=clock) as baton:
        clock.advance(3599)
        assert not await Advancer(_office(baton), "w").advance(run.id)
        clock.advance(2)
        handle = await baton.open(run.id)
        assert (await soon(handle.result())).status == "done"
        assert await _states(baton) == [("done", 2)]
        assert (await run_row(baton, run.id)).fault is None
    assert len(post.keys) == 2


async def test_a_cancel_ends_a_long_wait_and_nothing_is_called(database: Path) -> None:
    clock, post = ManualClock(), Post(TryAgain("closed", after=3600))
    async with open_office(database, [post.agent], script([call("send")]), clock=clock) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).trouble)
        await run.cancel(by="ann")
        assert (await soon(run.settled())).status == "cancelled"
    assert len(post.keys) == 1


async def test_a_cancel_in_a_short_wait_ends_the_tries(database: Path) -> None:
    post = Post(*[TryAgain("closed", after=0.1)] * 9, retries=Retries(attempts=9))
    async with open_office(database, [post.agent], script([call("send")])) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: post.keys)
        await run.cancel(by="ann")
        assert (await soon(run.settled())).status == "cancelled"
    assert len(post.keys) == 1


async def test_what_did_not_happen_is_called_again_after_a_crash_without_a_question(database: Path) -> None:
    """A worker that is gone in the middle of a wait leaves no doubt: the write is known not to have happened."""
    post = Post(TryAgain("closed", after=20), TryAgain("closed", after=20))
    async with open_office(database, [post.agent], script([call("send")]), dispatch=False) as baton:
        run = await baton.submit("go")
        working = asyncio.create_task(Advancer(_office(baton), "first").advance(run.id))
        await until(baton.ledger, lambda tx: [one for one in effects.of_run(tx, run.id) if one.state == "postponed"])
        await _take_over(baton, run.id)
        post.failures.clear()
        assert await Advancer(_office(baton), "second").advance(run.id)
        assert (await run.status()).status == "done"
        assert await _states(baton) == [("done", 2)]
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@pytest.mark.parametrize("effect", ["read", "write"])
async def test_a_stale_workers_tries_end(database: Path, effect: Any) -> None:
    post = Post(*[TryAgain("closed", after=0.05)] * 9, effect=effect, retries=Retries(attempts=9))
    async with open_office(database, [post.agent], script([call("send")]), dispatch=False) as baton:
        run = await baton.submit("go")
        working = asyncio.create_task(Advancer(_office(baton), "first").advance(run.id))
        await until(baton.ledger, lambda tx: post.keys)
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET epoch = epoch + 1"))
        assert await soon(working)
        assert (await run_row(baton, run.id)).trouble is None
    assert len(post.keys) == 1


@pytest.fixture
async def failing(database: Path) -> AsyncIterator[tuple[Baton, Post, ManualClock]]:
    """A tool that has opened its breaker, by one run's tries."""
    clock, post = ManualClock(), Post(*[BUSY] * breakers.FAILURES, retries=Retries(attempts=5, first_wait=0))
    async with open_office(database, [post.agent], script([call("send")]), clock=clock) as baton:
        await soon((await baton.submit("first")).result())
        assert len(post.keys) == breakers.FAILURES
        yield baton, post, clock


async def test_an_open_breaker_lets_no_call_through_claims_nothing_and_closes_by_itself(
    failing: tuple[Baton, Post, ManualClock],
) -> None:
    baton, post, clock = failing
    second, third = await baton.submit("second"), await baton.submit("third")
    for run in (second, third):
        await until(baton.ledger, lambda tx, id=run.id: runs.get(tx, id).trouble)  # type: ignore[misc]
        row = await run_row(baton, run.id)
        assert (row.status, row.attempts, row.fault) == ("ready", 0, "transient")
        assert "not called: send has failed 5 times in a row, next try at " in (row.trouble or "")
    assert await text_rows(baton.ledger, "SELECT run FROM effects WHERE run <> :r", r=post.keys[0].split(".")[0]) == []
    assert len(post.keys) == breakers.FAILURES

    clock.advance(breakers.COOL_DOWN + 1)
    await until(baton.ledger, lambda tx: any(runs.get(tx, run.id).status == "done" for run in (second, third)))
    clock.advance(breakers.COOL_DOWN)
    assert (await soon(second.result())).status == (await soon(third.result())).status == "done"
    assert len(post.keys) == breakers.FAILURES + 2
    kinds = await text_rows(baton.ledger, "SELECT kind FROM events WHERE kind LIKE 'breaker.%' ORDER BY id")
    assert kinds == [("breaker.opened",), ("breaker.closed",)]


async def test_a_budget_of_retries_bounds_what_everybody_tries_together(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "FAILURES", 10_000)
    post = Post(*[BUSY] * 1_000, retries=Retries(attempts=10, first_wait=0))
    async with open_office(database, [post.agent], script([call("send")])) as baton:
        for number in range(20):
            await soon((await baton.submit(str(number))).result())
    assert len(post.keys) <= 20 + breakers.RESERVE + 20 * breakers.SHARE


async def test_reads_of_one_step_that_are_done_stay_done_when_another_has_to_wait(database: Path) -> None:
    clock, post = ManualClock(), Post(TryAgain("closed", after=3600), effect="read")
    looked: list[int] = []

    @tool(effect="read")
    async def look() -> str:
        await until(baton.ledger, lambda tx: [one for one in effects.of_run(tx, run.id) if one.state == "postponed"])
        for _ in range(100):
            await run_row(baton, run.id)  # the other has raised long since
        looked.append(1)
        assert (await run_row(baton, run.id)).working  # the run is not let go while this goes on
        return "seen"

    agent = Agent("clerk", tools=[post.tool, look], policy="allow-all")
    async with open_office(database, [agent], script([call("send"), call("look")]), clock=clock) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).trouble)
        clock.advance(3601)
        await soon(run.result())
        sent, seen, away = await tool_lines(run)
        assert (sent, seen) == ("sent", "seen")
        assert away.startswith("[coming back] You were away for 1 h")
    assert looked == [1]


async def test_a_doubt_holds_everything_that_is_known(database: Path) -> None:
    def reconcile(key: str) -> str:
        raise OSError("the outbox is shut")

    post = Post(LOST, reconcile=reconcile)
    async with open_office(database, [post.agent], script([call("send")])) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
        assert review.question["summary"] == (
            "Did send happen? The connection was lost: reset; cannot tell whether it happened: the outbox is shut."
        )
        known = review.question["known"]
        assert known["key"] == review.action == post.keys[0]
        assert (review.tool, review.question["arguments"], known["tries"]) == ("send", {}, "1")
        assert known["last tried by"].endswith("(epoch 1)")
        assert "first begun" in known
        assert "run it" in review.question["answers"] and "stop" in review.question["answers"]


async def test_a_doubt_after_a_crash_says_who_had_it(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    @tool
    async def send() -> str:
        begun.set()
        await asyncio.Event().wait()
        return ""

    agent = Agent("clerk", tools=[send], policy="allow-all")
    async with open_office(database, [agent], script([call("send")]), dispatch=False) as baton:
        run = await baton.submit("go")
        working = asyncio.create_task(Advancer(_office(baton), "the one that died").advance(run.id))
        await soon(begun.wait())
        await _take_over(baton, run.id)
        await Advancer(_office(baton), "second").advance(run.id)
        (review,) = await baton.reviews.waiting()
        assert review.question["summary"] == "Did send happen? The process died while it ran."
        assert review.question["known"]["last tried by"] == "the one that died (epoch 1)"
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_run_that_is_called_off_calls_nothing_that_was_begun(database: Path) -> None:
    """Confirmed or left in doubt: a repeatable write is not repeated for a run that somebody has cancelled."""
    calls, begun = list[int](), asyncio.Event()

    @tool(repeatable=True)
    async def send() -> str:
        calls.append(1)
        begun.set()
        await asyncio.Event().wait()
        return ""

    agent = Agent("clerk", tools=[send], policy="allow-all")
    async with open_office(database, [agent], script([call("send")]), dispatch=False) as baton:
        run = await baton.submit("go")
        working = asyncio.create_task(Advancer(_office(baton), "first").advance(run.id))
        await soon(begun.wait())
        await run.cancel(by="ann")
        await _take_over(baton, run.id)
        await Advancer(_office(baton), "second").advance(run.id)
        assert (await run.status()).status == "cancelled"
        assert await _states(baton) == [("doubt", 1)]
        assert await baton.reviews.waiting() == []
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    assert calls == [1]


async def _take_over(baton: Baton, run: RunId) -> None:
    """Have a worker's lease run out."""
    await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET lease_until = 0"))


def _office(baton: Baton) -> Office:
    return Office(ledger=baton.ledger, team=baton._team, live=lambda _run, _turn: None)


async def test_a_write_is_on_record_as_claimed_before_it_is_called_however_slow_the_disk_is(tmp_path: Path) -> None:
    path, seen = tmp_path / "baton.db", list[tuple[str, ...]]()

    @tool(effect="write")
    async def pay() -> str:
        """Pay."""
        with contextlib.closing(sqlite3.connect(path)) as other:
            seen.extend(other.execute("SELECT state FROM effects").fetchall())
        return "paid"

    agent = Agent("payer", tools=[pay], policy="allow-all")
    async with open_office(path, [agent], script([call("pay")])) as baton:
        writing = baton.ledger.database.writing

        @contextlib.contextmanager
        def slowly() -> Iterator[Connection]:
            with writing() as connection:
                yield connection
                time.sleep(0.05)

        baton.ledger.database.writing = slowly  # type: ignore[method-assign]
        await soon((await baton.submit("pay")).result())
    assert seen == [("claimed",)]
